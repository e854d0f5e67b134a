-- +goose Up

-- A verification. What the person sent or is, is sealed; the rest are identifiers, states and times, which operators may see.
create table job (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id text collate "C" not null check (id like 'job\_%'),
  status text not null default 'queued' check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  subject_id text collate "C" not null,
  made_subject boolean not null,    -- there was none of the reference before
  key_id text not null,
  reservation_id text collate "C" not null,
  plan text not null,
  plan_version int not null,
  weight int not null check (weight > 0),
  entitlement jsonb not null,       -- of the plan at submission, for an operator's requeue
  settings jsonb not null,          -- the pinned workflow
  workflow_hash text not null,
  profile boolean not null,         -- the profile checks are part of it
  kept boolean not null,            -- false: store was false, everything sealed goes within the hour after the end
  trace_parent text not null,
  request bytea,                    -- sealed: hints, profile, callback; until the end
  annotations bytea,                -- sealed: metadata and reference
  result bytea,                     -- sealed
  error_code text,
  error_message text,               -- of our own making, without personal data
  dead_letter boolean not null default false,
  attempt int not null default 0,       -- claims
  failures int not null default 0,      -- attempts that ended in a fault of ours
  interruptions int not null default 0, -- attempts whose worker went away
  lease_token text collate "C",
  lease_until timestamptz,
  cancel_requested boolean not null default false,
  created_at timestamptz not null default now(),
  available_at timestamptz not null default now(),
  started_at timestamptz,           -- of the first attempt
  finished_at timestamptz,
  uploads_gone_at timestamptz,      -- when the photographs, and all that was sealed for the work alone, went
  dropped_at timestamptz,           -- when everything else that was sealed went, where it was not to be kept
  primary key (tenant_id, environment, id),
  check ((status = 'running') = (lease_token is not null)),
  check ((lease_token is null) = (lease_until is null)),
  check ((status in ('completed', 'failed', 'cancelled')) = (finished_at is not null)),
  check (status <> 'failed' or error_code is not null),
  check (not dead_letter or status = 'failed')
);
create unique index job_id on job (id);
-- The next job of each scope with work, found by one probe a scope.
create index job_waiting on job (tenant_id, environment, available_at, id) where status = 'queued';
create index job_running on job (lease_until) where status = 'running';
create index job_running_scope on job (tenant_id, environment) where status = 'running';
create index job_dead on job (id) where dead_letter;
create index job_of_subject on job (tenant_id, environment, subject_id);
create index job_with_uploads on job (finished_at) where uploads_gone_at is null and finished_at is not null;
create index job_to_drop on job (finished_at) where not kept and dropped_at is null and finished_at is not null;

create table job_step (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  job_id text collate "C" not null,
  name text not null check (name in ('selfie', 'document', 'face_match', 'kya', 'decision')),
  steps jsonb not null,             -- names, states, codes and times, as clients see them
  outcome bytea,                    -- sealed; until the job's end
  attempt int not null,             -- the one that made it
  finished_at timestamptz not null default now(),
  primary key (tenant_id, environment, job_id, name),
  foreign key (tenant_id, environment, job_id) references job (tenant_id, environment, id)
);

-- How much of the workers each scope has had, in virtual time. Only the system takes turns.
create table turn_account (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  finish bigint not null,           -- virtual time at which its last turn ends
  served_at timestamptz not null,
  primary key (tenant_id, environment)
);
create table turn_clock (
  only_row boolean primary key default true check (only_row),
  virtual_time bigint not null
);
insert into turn_clock (virtual_time) values (0);

select ekyc.protect('job');
select ekyc.protect('job_step');
grant select, insert, update on job to ekyc_service;
grant select, insert, update, delete on job_step to ekyc_service;
grant select, update on job to ekyc_system;
grant select on job_step to ekyc_system;
grant update (outcome) on job_step to ekyc_system;
grant select, insert, update on turn_account to ekyc_system;
grant select, update on turn_clock to ekyc_system;

-- +goose Down
drop table turn_clock, turn_account, job_step, job;
