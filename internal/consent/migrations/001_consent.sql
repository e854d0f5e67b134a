-- +goose Up
-- The texts that people agreed to, each once. They are the tenant's own words and sealed under its key; both hashes are keyed.
create table consent_text (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  text_hash    bytea not null check (length(text_hash) = 32),    -- of version, language and text
  version_hash bytea not null check (length(version_hash) = 32), -- of version and language
  sealed       bytea not null,
  created_at   timestamptz not null default clock_timestamp(),
  primary key (tenant_id, environment, text_hash)
);
create index consent_text_version on consent_text (tenant_id, environment, version_hash, created_at);
select ekyc.protect('consent_text');
grant select, insert, update (created_at), delete on consent_text to ekyc_service; -- update: to lock rows before they are deleted; a trigger forbids it

-- What a person has said, once for each time. What it was is sealed under the subject's key.
create table consent (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null check (id like 'cns\_%'),
  subject_id  text collate "C" not null,
  job_id      text collate "C", -- that brought it
  given       boolean not null, -- false: withdrawn
  text_hash   bytea,            -- null: the text is not known here
  sealed      bytea not null,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, environment, id),
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id),
  foreign key (tenant_id, environment, text_hash) references consent_text (tenant_id, environment, text_hash)
);
create index consent_of_subject on consent (tenant_id, environment, subject_id, id);
create index consent_of_job on consent (tenant_id, environment, job_id) where job_id is not null;
create index consent_of_text on consent (tenant_id, environment, text_hash) where text_hash is not null;
select ekyc.protect('consent');
grant select, insert, delete on consent to ekyc_service; -- never update: who changes his mind says something new

-- +goose StatementBegin
create function consent_refuse() returns trigger language plpgsql as $$
begin
  raise exception 'consents are never changed' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create trigger refuse before update on consent for each row execute function consent_refuse();
create trigger refuse before update on consent_text for each row execute function consent_refuse();

-- What is not kept of a job takes along the consent that came with it, and an erased subject all of them, whoever erases.
-- +goose StatementBegin
create function forget_consents_of_job() returns trigger language plpgsql as $$
begin
  delete from consent where tenant_id = new.tenant_id and environment = new.environment and job_id = new.id;
  return null;
end $$;
create function forget_consents() returns trigger language plpgsql as $$
begin
  delete from consent where tenant_id = new.tenant_id and environment = new.environment and subject_id = new.id;
  return null;
end $$;
-- +goose StatementEnd
create trigger forget_consents after update of dropped_at on job for each row
  when (not new.kept and old.dropped_at is null and new.dropped_at is not null) execute function forget_consents_of_job();
create trigger forget_consents after update of erased_at on subject for each row
  when (old.erased_at is null and new.erased_at is not null) execute function forget_consents();

-- +goose Down
drop trigger forget_consents on subject;
drop trigger forget_consents on job;
drop table consent, consent_text;
drop function forget_consents, forget_consents_of_job, consent_refuse;
