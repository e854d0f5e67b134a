-- +goose Up

-- The keys that sign, of the whole installation. One is current; older ones stay, since what they signed is still to be verified.
create table receipt_key (
  id         text collate "C" primary key check (length(id) = 43), -- the thumbprint of the public half (RFC 7638)
  public_key bytea not null check (length(public_key) = 32),
  sealed     bytea not null, -- the private half, under the root key
  created_at timestamptz not null,
  retired_at timestamptz check (retired_at >= created_at) -- null: it signs
);
create unique index receipt_key_current on receipt_key ((true)) where retired_at is null;
grant select on receipt_key to ekyc_service;
grant select, insert, update (retired_at) on receipt_key to ekyc_system;

-- What was signed, never changed. It holds no personal data; the salt that would tie it to photographs goes with the subject's key.
create table receipt (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  job_id      text collate "C" not null,
  sequence    integer not null check (sequence > 0),
  subject_id  text collate "C" not null, -- under whose key the salt is sealed
  body        text not null,             -- in the canonical form, which is signed byte for byte
  signature   bytea not null check (length(signature) = 64),
  key_id      text collate "C" not null references receipt_key (id),
  salt        bytea,                     -- sealed; of the first receipt
  issued_at   timestamptz not null,
  drop_at     timestamptz,               -- of a job that is not kept
  primary key (tenant_id, environment, job_id, sequence),
  check ((sequence = 1) = (salt is not null))
);
create index receipt_drop on receipt (drop_at) where drop_at is not null;
select ekyc.protect('receipt');
grant select, insert on receipt to ekyc_service;
grant select, delete on receipt to ekyc_system;

-- +goose Down
drop table receipt, receipt_key;
