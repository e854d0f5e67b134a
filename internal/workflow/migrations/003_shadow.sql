-- +goose Up

-- What a version in the shadow would have decided, beside what was decided. It tells of a person, and so goes with the subject's key, and
-- with the job where that is not to be kept.
create table shadow_decision (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  workflow_id text collate "C" not null, -- the version in the shadow
  job_id text collate "C" not null,
  subject_id text collate "C" not null,
  workflow_name text collate "C" not null, -- the workflow that judged
  workflow_version int not null,
  decided text not null check (decided in ('accepted', 'review', 'rejected')),
  score int not null,                    -- hundredths of a point
  would text check (would in ('accepted', 'review', 'rejected')), -- null: it could not decide
  would_score int,
  decided_at timestamptz not null,
  primary key (tenant_id, environment, workflow_id, job_id),
  foreign key (tenant_id, environment, job_id) references job (tenant_id, environment, id),
  foreign key (tenant_id, environment, subject_id) references ekyc_keys.subject_key (tenant_id, environment, subject_id) on delete cascade,
  check ((would is null) = (would_score is null))
);
create index shadow_decision_of_job on shadow_decision (tenant_id, environment, job_id);
create index shadow_decision_of_subject on shadow_decision (tenant_id, environment, subject_id);
create index shadow_decision_other on shadow_decision (tenant_id, environment, workflow_id, job_id) where would <> decided;
select ekyc.protect('shadow_decision');
grant select, insert, delete on shadow_decision to ekyc_service;
grant select, delete on shadow_decision to ekyc_system;

-- +goose StatementBegin
create function forget_shadow_decisions() returns trigger language plpgsql as $$
begin
  delete from shadow_decision where tenant_id = new.tenant_id and environment = new.environment and job_id = new.id;
  return null;
end $$;
-- +goose StatementEnd
create trigger forget_shadow_decisions after update of dropped_at on job
  for each row when (old.dropped_at is null and new.dropped_at is not null) execute function forget_shadow_decisions();

-- +goose Down
drop trigger forget_shadow_decisions on job;
drop function forget_shadow_decisions;
drop table shadow_decision;
