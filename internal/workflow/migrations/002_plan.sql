-- +goose Up

-- Which workflow judges a job, and what its decision rested on. settings holds the workflow's whole definition.
alter table job
  add column workflow_name text collate "C",                      -- null for jobs from before; then settings has it
  add column workflow_version int not null default 0 check (workflow_version >= 0), -- 0: no published version
  add column facts bytea,                                         -- sealed: what the decision rested on, to be decided again under other workflows
  add column decided_at timestamptz;                              -- when facts were written
-- The decisions of one workflow, or of all of a scope, the newest first.
create index job_decided on job (tenant_id, environment, workflow_name, decided_at) where facts is not null;
create index job_decided_any on job (tenant_id, environment, decided_at) where facts is not null;

alter table job_step drop constraint job_step_name_check;
alter table job_step add constraint job_step_name_check
  check (name in ('selfie', 'face', 'document', 'validate', 'face_match', 'kya', 'decision'));

-- +goose Down
alter table job_step drop constraint job_step_name_check;
delete from job_step where name in ('face', 'validate');
alter table job_step add constraint job_step_name_check
  check (name in ('selfie', 'document', 'face_match', 'kya', 'decision'));
drop index job_decided_any;
drop index job_decided;
alter table job drop column decided_at, drop column facts, drop column workflow_version, drop column workflow_name;
