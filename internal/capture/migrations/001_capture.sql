-- +goose Up
-- One row for each link to the hosted capture page. The token of the link is held as its SHA-256 only; it has 256 bits, so that no key is needed.
create table capture (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null,
  token_hash  bytea not null check (length(token_hash) = 32),
  key_id      text collate "C" not null, -- of the API key that asked for it: the verification is submitted as its own
  request     bytea, -- what was asked for, sealed under the tenant's key; null once the link cannot be used any more
  consent     bytea, -- what the person agreed to, and when, sealed likewise
  state       text not null default 'open' check (state in ('open', 'used', 'expired')),
  job_id      text collate "C", -- the verification that it became
  attempts    integer not null default 0, -- at sending pictures
  challenges  integer not null default 0, -- that were drawn
  challenge   text collate "C", -- the last of them
  created_at  timestamptz not null default clock_timestamp(),
  expires_at  timestamptz not null check (expires_at > created_at),
  used_at     timestamptz,
  primary key (tenant_id, environment, id),
  check ((state = 'used') = (job_id is not null)),
  check ((job_id is null) = (used_at is null)),
  check ((state = 'open') = (request is not null))
);
create unique index capture_token on capture (token_hash);
create index capture_open on capture (expires_at) where state = 'open';
create index capture_created on capture (created_at);
select ekyc.protect('capture');
grant select, insert, update (request, consent, state, job_id, attempts, challenges, challenge, used_at) on capture to ekyc_service;
grant select, delete, update (request, state) on capture to ekyc_system;
