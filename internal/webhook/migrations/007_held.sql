-- +goose Up
-- Whether an event's subject is held, so that a sweep reads nothing of the held, see the vault.
alter table webhook_event add column held boolean not null default false;
alter table webhook_event no force row level security; -- forced, it hides every row from who migrates
alter table subject no force row level security;
update webhook_event r set held = true from subject s
  where s.tenant_id = r.tenant_id and s.environment = r.environment and s.id = r.subject_id and (s.hold_at is not null or s.operator_hold_at is not null);
alter table subject force row level security;
alter table webhook_event force row level security;
grant update (held) on webhook_event to ekyc_service;
create trigger put_held before insert on webhook_event for each row when (new.subject_id <> '') execute function put_held();
create trigger hold_webhook_event after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_rows('webhook_event');
drop index webhook_event_drop;
drop index webhook_event_created;
create index webhook_event_drop on webhook_event (drop_at) where body is not null and not held;
create index webhook_event_created on webhook_event (created_at) where not held;
