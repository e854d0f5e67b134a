-- +goose Up

-- Erasures that were asked for, and those that were repeated after a restore. It holds no personal data, and stays.
create table erasure (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  id           text collate "C" not null check (id like 'era\_%'),
  subject_id   text collate "C" not null,
  cause        text not null check (cause in ('request', 'restore')),
  erased_at    timestamptz not null,
  parts        jsonb not null,          -- what was removed where
  files        text[] collate "C",      -- that are to be removed; null once they are
  audit_entry  text collate "C" not null,
  ledger_entry text collate "C",        -- name of the entry in the ledger outside of the database, once it is there
  ledgered_at  timestamptz,
  certificate  text,                    -- in the canonical form, which is signed byte for byte
  signature    bytea check (length(signature) = 64),
  key_id       text collate "C",
  completed_at timestamptz,
  looked_at    timestamptz,             -- the second look for what was written down by those who had begun before the erasure
  ref_hash     bytea check (length(ref_hash) = 32), -- of the subject's reference, for the second look; null once that is over
  primary key (tenant_id, environment, id),
  unique (tenant_id, environment, subject_id),
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id),
  check ((ledger_entry is null) = (ledgered_at is null)),
  check (looked_at is null or ref_hash is null),
  check ((certificate is null) = (completed_at is null) and (certificate is null) = (signature is null) and (certificate is null) = (key_id is null)),
  check (completed_at is null or (files is null and ledger_entry is not null))
);
create index erasure_incomplete on erasure (erased_at) where completed_at is null;
create index erasure_to_look_at on erasure (erased_at) where looked_at is null;
select ekyc.protect('erasure');
grant select, insert on erasure to ekyc_service;
grant update (files, ledger_entry, ledgered_at, certificate, signature, key_id, completed_at, looked_at, ref_hash) on erasure to ekyc_service;
grant select on erasure to ekyc_system;

-- Subjects that were not kept and went with the last of their jobs, until the second look. They have no certificate.
create table erasure_unkept (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  subject_id  text collate "C" not null,
  erased_at   timestamptz not null,
  primary key (tenant_id, environment, subject_id),
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id)
);
create index erasure_unkept_to_look_at on erasure_unkept (erased_at);
select ekyc.protect('erasure_unkept');
grant select, insert, delete on erasure_unkept to ekyc_service;
grant select on erasure_unkept to ekyc_system;

-- Up to when the database knows what the ledger says. A database that was restored from a backup says an earlier time.
create table erasure_watermark (
  only_row boolean primary key default true check (only_row),
  through  timestamptz not null
);
insert into erasure_watermark (through) values ('epoch');
grant select, update (through) on erasure_watermark to ekyc_system;

-- The dumps of the keys that were made and when they end, for certificates.
create table key_backup (
  id         text collate "C" primary key,
  made_at    timestamptz not null,
  expires_at timestamptz not null check (expires_at > made_at)
);
create index key_backup_end on key_backup (expires_at);
grant select on key_backup to ekyc_service;
grant select on key_backup to ekyc_system;

-- +goose Down
drop table key_backup, erasure_watermark, erasure_unkept, erasure;
