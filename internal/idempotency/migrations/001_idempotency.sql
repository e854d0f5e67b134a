-- +goose Up
-- One row for each Idempotency-Key in use. Key and request are keyed hashes; the answer is sealed under the subject's key, or under the
-- tenant's own. A running row belongs to the holder of its token until the lease runs out.
create table idempotency (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  key_hash     bytea not null check (length(key_hash) = 32),
  request_hash bytea not null check (length(request_hash) = 32),
  state        text not null check (state in ('running', 'done')),
  token        bytea not null check (length(token) = 16),
  lease_until  timestamptz not null,
  expires_at   timestamptz not null,
  subject_id   text collate "C" not null default '', -- whose key the answer is sealed under, '' for the tenant's own
  answer       bytea, -- null when done: it was executed, and its answer is not kept
  primary key (tenant_id, environment, key_hash),
  check (state = 'done' or (answer is null and subject_id = ''))
);
create index idempotency_expiry on idempotency (expires_at);
select ekyc.protect('idempotency');
grant select, insert, update, delete on idempotency to ekyc_service;
grant select, delete, update (token) on idempotency to ekyc_system; -- update: to lock rows while sweeping
