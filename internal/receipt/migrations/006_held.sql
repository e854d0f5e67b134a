-- +goose Up
-- Whether a receipt's subject is held, so that a sweep reads nothing of the held, see the vault.
alter table receipt add column held boolean not null default false;
alter table receipt no force row level security; -- forced, it hides every row from who migrates
alter table subject no force row level security;
update receipt r set held = true from subject s
  where s.tenant_id = r.tenant_id and s.environment = r.environment and s.id = r.subject_id and (s.hold_at is not null or s.operator_hold_at is not null);
alter table subject force row level security;
alter table receipt force row level security;
grant update (held) on receipt to ekyc_service;
create trigger put_held before insert on receipt for each row execute function put_held();
create trigger hold_receipt after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_rows('receipt');
drop index receipt_drop;
create index receipt_drop on receipt (drop_at) where drop_at is not null and not held;
