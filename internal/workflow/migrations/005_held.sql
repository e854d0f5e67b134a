-- +goose Up
-- Whether a job's subject is held, so that a pass reads nothing of the held, see the vault.
alter table job add column held boolean not null default false;
alter table job no force row level security; -- forced, it hides every row from who migrates
alter table subject no force row level security;
update job r set held = true from subject s
  where s.tenant_id = r.tenant_id and s.environment = r.environment and s.id = r.subject_id and (s.hold_at is not null or s.operator_hold_at is not null);
alter table subject force row level security;
alter table job force row level security;
create trigger put_held before insert on job for each row execute function put_held();
create trigger hold_job after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_rows('job');
drop index job_to_expire;
create index job_to_expire on job (expires_at) where kept and dropped_at is null and expires_at is not null and not held;
create index job_to_remove on job (tenant_id, environment, expires_at) where kept and dropped_at is null and expires_at is not null and not held;
