-- +goose Up
-- Whether a template's subject is held, so that a pass reads nothing of the held, see the vault.
alter table reference_template add column held boolean not null default false;
alter table reference_template no force row level security; -- forced, it hides every row from who migrates
alter table subject no force row level security;
update reference_template r set held = true from subject s
  where s.tenant_id = r.tenant_id and s.environment = r.environment and s.id = r.subject_id and (s.hold_at is not null or s.operator_hold_at is not null);
alter table subject force row level security;
alter table reference_template force row level security;
grant update (held) on reference_template to ekyc_service;
create trigger put_held before insert on reference_template for each row execute function put_held();
create trigger hold_reference_template after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_rows('reference_template');
drop index reference_template_expiry;
create index reference_template_expiry on reference_template (expires_at) where not held;
