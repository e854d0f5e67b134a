-- +goose Up
-- One row for each challenge that was given out. It holds nothing that tells of a person.
create table challenge (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null,
  key_id      text collate "C" not null, -- of the API key that asked for it: no other may use it
  actions     text[] not null check (cardinality(actions) between 3 and 5),
  created_at  timestamptz not null,
  expires_at  timestamptz not null check (expires_at > created_at),
  signature   bytea not null check (length(signature) = 32), -- over all of the above, under the tenant's key
  used_at     timestamptz,
  primary key (tenant_id, environment, id)
);
create index challenge_expiry on challenge (expires_at);
select ekyc.protect('challenge');
grant select, insert, update (used_at) on challenge to ekyc_service;
grant select, delete, update (used_at) on challenge to ekyc_system; -- update: to lock rows while sweeping
