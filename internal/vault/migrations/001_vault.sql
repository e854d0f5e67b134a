-- +goose Up
-- The keys of a scope, each a keyset encrypted under the root key: one wraps subjects' keys, one seals what belongs to the tenant
-- itself, one makes keyed hashes. Made by the system role in a transaction of its own, so that a row that is seen is there to stay.
create table ekyc_keys.tenant_key (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  wrapping    bytea not null,
  sealing     bytea not null,
  hashing     bytea not null,
  created_at  timestamptz not null default now(),
  primary key (tenant_id, environment)
);
select ekyc.protect('ekyc_keys.tenant_key');
grant select on ekyc_keys.tenant_key to ekyc_service;
grant select, insert on ekyc_keys.tenant_key to ekyc_system;

-- A person whom a tenant verifies. What the tenant calls the person is sealed under the subject's key and found by a keyed hash; both
-- go with the key. The row itself stays, as the ledger of erasures.
create table subject (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  id           text collate "C" not null,
  ref_hash     bytea check (length(ref_hash) = 32),
  ref_sealed   bytea,
  reference_id text collate "C",
  created_at   timestamptz not null default now(),
  erased_at    timestamptz,
  primary key (tenant_id, environment, id),
  check ((ref_hash is null) = (ref_sealed is null)),
  check (erased_at is null or (ref_hash is null and reference_id is null))
);
create unique index subject_ref on subject (tenant_id, environment, ref_hash) where ref_hash is not null;
create index subject_erased on subject (erased_at) where erased_at is not null;
select ekyc.protect('subject');
grant select, insert on subject to ekyc_service;
grant update (ref_hash, ref_sealed, reference_id, erased_at) on subject to ekyc_service;
grant select on subject to ekyc_system;

create table ekyc_keys.subject_key (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  subject_id  text collate "C" not null,
  wrapped     bytea not null,
  created_at  timestamptz not null default now(),
  primary key (tenant_id, environment, subject_id),
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id)
);
select ekyc.protect('ekyc_keys.subject_key');
grant select, insert, delete on ekyc_keys.subject_key to ekyc_service;
grant select, delete on ekyc_keys.subject_key to ekyc_system;

create table media (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null,
  subject_id  text collate "C" not null,
  job_id      text collate "C",
  kind        text collate "C" not null check (kind in ('selfie', 'frame', 'document_front', 'document_back', 'reference')),
  position    integer not null check (position >= 0),
  size        bigint not null check (size > 0), -- of the plaintext, in bytes
  blob        text collate "C" not null unique,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz,
  primary key (tenant_id, environment, id),
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id)
);
create unique index media_of_job on media (tenant_id, environment, job_id, kind, position) where job_id is not null;
create index media_of_subject on media (tenant_id, environment, subject_id);
create index media_expiry on media (expires_at) where expires_at is not null;
select ekyc.protect('media');
grant select, insert, update (expires_at), delete on media to ekyc_service;
grant select on media to ekyc_system;

alter table subject add foreign key (tenant_id, environment, reference_id) references media (tenant_id, environment, id);
-- +goose StatementBegin
-- A reference that is deleted is no reference any more. (PostgreSQL 15 could say so in the foreign key.)
create function forget_reference() returns trigger language plpgsql as $$
begin
  update subject set reference_id = null
    where tenant_id = old.tenant_id and environment = old.environment and id = old.subject_id and reference_id = old.id;
  return old;
end $$;
-- +goose StatementEnd
create trigger forget_reference before delete on media for each row execute function forget_reference();
create index subject_reference on subject (tenant_id, environment, reference_id) where reference_id is not null;
