-- +goose Up
-- What a verification brought that another must not bring again: the number of the document, and the pictures. Only keyed hashes stand here, under
-- the tenant's key: the same number or picture of another tenant has another hash.
-- No index begins with tenant and environment: without statistics the planner takes such a one for the look-up, and walks through all that the tenant has
-- (450 ms among 100,000 verifications instead of 0.3).
create table reuse_trace (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  job_id      text collate "C" not null,
  kind        text collate "C" not null check (kind in ('document', 'selfie', 'frame', 'document_front', 'document_back')), -- document: its number
  position    integer not null check (position >= 0),
  subject_id  text collate "C" not null,
  hash        bytea not null check (length(hash) = 32),
  fingerprint bytea, -- of the picture of the face that was judged, sealed under the subject's key
  created_at  timestamptz not null default clock_timestamp(),
  primary key (job_id, kind, position, tenant_id, environment),
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id)
);
create index reuse_trace_hash on reuse_trace (hash, tenant_id, environment, subject_id); -- gone through from subject to subject
create index reuse_trace_of_subject on reuse_trace using hash (subject_id); -- one without an order: else the planner may walk through it for the look-up
select ekyc.protect('reuse_trace');
grant select, insert, delete on reuse_trace to ekyc_service;
grant select, delete on reuse_trace to ekyc_system;

-- The parts of a fingerprint, each hashed by itself: two that differ in few bits have a part alike.
create table reuse_band (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  job_id      text collate "C" not null,
  kind        text collate "C" not null,
  position    integer not null,
  band        smallint not null check (band >= 0),
  subject_id  text collate "C" not null,
  hash        bytea not null check (length(hash) = 16),
  primary key (job_id, kind, position, band, tenant_id, environment),
  foreign key (tenant_id, environment, job_id, kind, position) references reuse_trace (tenant_id, environment, job_id, kind, position) on delete cascade
);
create index reuse_band_hash on reuse_band (hash, tenant_id, environment, subject_id, job_id); -- the newest are taken, and never one's own
select ekyc.protect('reuse_band');
grant select, insert on reuse_band to ekyc_service;

-- A job whose result goes takes its hashes along, and an erased subject all of them, whoever does it.
-- +goose StatementBegin
create function forget_reuse_of_job() returns trigger language plpgsql as $$
begin
  delete from reuse_trace where tenant_id = new.tenant_id and environment = new.environment and job_id = new.id;
  return null;
end $$;
create function forget_reuse() returns trigger language plpgsql as $$
begin
  delete from reuse_trace where tenant_id = new.tenant_id and environment = new.environment and subject_id = new.id;
  return null;
end $$;
-- +goose StatementEnd
create trigger forget_reuse after update of dropped_at on job for each row
  when (old.dropped_at is null and new.dropped_at is not null) execute function forget_reuse_of_job();
create trigger forget_reuse after update of erased_at on subject for each row
  when (old.erased_at is null and new.erased_at is not null) execute function forget_reuse();

-- +goose Down
drop trigger forget_reuse on subject;
drop trigger forget_reuse on job;
drop function forget_reuse, forget_reuse_of_job;
drop table reuse_band, reuse_trace;
