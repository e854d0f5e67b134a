-- +goose Up
-- When what a job holds that tells of the person ends, of a job that is kept: so long after its own end as its scope said then, or sooner where it
-- says less since. It goes with dropped_at, as it does for a job that is not kept.
alter table job add column expires_at timestamptz;
alter table job no force row level security; -- forced, it hides every row from who migrates
-- From now on, not from its end: what is old would go before its tenant can say anything.
update job set expires_at = now() + interval '30 days' where kept and finished_at is not null and dropped_at is null;
alter table job force row level security;
create index job_to_expire on job (expires_at) where kept and dropped_at is null and expires_at is not null;
create index job_to_limit on job (tenant_id, environment, expires_at) where kept and dropped_at is null and expires_at is not null;
-- Of those that a worker of before ends beside newer ones.
create index job_without_end on job (finished_at) where kept and dropped_at is null and expires_at is null and finished_at is not null;
grant delete on job_step to ekyc_system;

-- +goose Down
drop index job_without_end;
drop index job_to_limit;
drop index job_to_expire;
alter table job drop column expires_at;
revoke delete on job_step from ekyc_system;
