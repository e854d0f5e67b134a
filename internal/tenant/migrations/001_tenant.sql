-- +goose Up
-- A plan's name, and which of its versions is in force.
create table plan (
  name    text collate "C" primary key check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
  version integer not null check (version >= 1)
);

-- Versions are only ever added: work and usage pin the one they were done under.
create table plan_version (
  plan            text collate "C" not null references plan (name),
  version         integer not null check (version >= 1),
  weight          integer not null check (weight between 1 and 100),
  rate_per_minute integer not null check (rate_per_minute >= 1),
  rate_per_day    integer not null check (rate_per_day >= 1),
  quotas          jsonb not null check (jsonb_typeof(quotas) = 'object'),
  overage         boolean not null,
  created_at      timestamptz not null default now(),
  primary key (plan, version)
);
alter table plan add constraint plan_in_force foreign key (name, version) references plan_version (plan, version) deferrable initially deferred;

-- +goose StatementBegin
-- Every change of a row that others remember gives it another revision, except that of when a key was last used.
create function next_revision() returns trigger language plpgsql as $$
begin
  if to_jsonb(new) - 'last_used_at' is distinct from to_jsonb(old) - 'last_used_at' then
    new.revision := old.revision + 1;
  end if;
  return new;
end $$;
-- +goose StatementEnd

create table tenant (
  tenant_id     text collate "C" primary key,
  name          text not null check (length(name) between 1 and 200),
  country       text not null check (country ~ '^[A-Z]{3}$'),
  support_email bytea not null, -- sealed: it may be a person's
  region        text not null check (region ~ '^[a-z][a-z0-9]{1,9}$'),
  plan          text collate "C" not null references plan (name),
  status        text not null default 'active' check (status in ('active', 'suspended')),
  revision      bigint not null default 1,
  created_at    timestamptz not null default now()
);
create trigger next_revision before update on tenant for each row execute function next_revision();

create table api_key (
  tenant_id       text collate "C" not null references tenant (tenant_id),
  environment     text collate "C" not null check (environment in ('test', 'live')),
  key_id          text collate "C" not null unique check (key_id ~ '^ek_(test|live)_[a-z][a-z0-9]{1,9}_[0-9a-v]{26}$' and split_part(key_id, '_', 2) = environment),
  name            text not null check (length(name) <= 100),
  scopes          text[] not null check (cardinality(scopes) >= 1 and
                    scopes <@ array['liveness', 'ocr', 'validate', 'face_match', 'kya', 'workflow', 'admin']),
  cidrs           cidr[] not null check (cardinality(cidrs) <= 100),
  rate_per_minute integer not null check (rate_per_minute >= 0),
  rate_per_day    integer not null check (rate_per_day >= 0),
  endpoint_limits jsonb not null check (jsonb_typeof(endpoint_limits) = 'object'),
  expires_at      timestamptz,
  revoked_at      timestamptz,
  last_used_at    timestamptz,
  revision        bigint not null default 1,
  created_at      timestamptz not null default now(),
  primary key (tenant_id, environment, key_id)
) with (fillfactor = 85); -- last_used_at changes in place
create trigger next_revision before update on api_key for each row execute function next_revision();

-- Several secrets of one key are valid at a time while it is rolled over. One that is not any more is kept for a while, so that
-- who still signs with it is told so.
create table api_key_secret (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  key_id      text collate "C" not null,
  number      bigint not null check (number >= 1),
  sealed      bytea not null,
  valid_until timestamptz, -- null: the one in force
  created_at  timestamptz not null default now(),
  primary key (tenant_id, environment, key_id, number),
  foreign key (tenant_id, environment, key_id) references api_key (tenant_id, environment, key_id)
);
create unique index api_key_secret_in_force on api_key_secret (tenant_id, environment, key_id) where valid_until is null;

select protect('tenant', false);
select protect('api_key');
select protect('api_key_secret');

grant select, insert on plan, plan_version to ekyc_system;
grant update (version) on plan to ekyc_system;
grant select, insert on tenant to ekyc_system;
grant update (name, country, support_email, plan, status) on tenant to ekyc_system;
grant select on api_key, api_key_secret to ekyc_system;
grant update (last_used_at) on api_key to ekyc_system;

grant select (tenant_id, region) on tenant to ekyc_service;
grant select, insert on api_key to ekyc_service;
grant update (revoked_at, rate_per_minute, rate_per_day, endpoint_limits, revision) on api_key to ekyc_service;
-- Requests never read a secret: it is looked up by the system role before anybody's scope is known.
grant select (tenant_id, environment, key_id, number, valid_until) on api_key_secret to ekyc_service;
grant insert, delete on api_key_secret to ekyc_service;
grant update (valid_until) on api_key_secret to ekyc_service;

insert into plan (name, version) values ('free', 1), ('pro', 1), ('enterprise', 1);
insert into plan_version (plan, version, weight, rate_per_minute, rate_per_day, quotas, overage) values
  ('free', 1, 1, 60, 50000, '{"liveness": 500, "ocr": 500, "validate": 500, "face_match": 500, "kya": 500, "workflow": 500}', false),
  ('pro', 1, 4, 60, 50000, '{"liveness": 5000, "ocr": 5000, "validate": 5000, "face_match": 5000, "kya": 5000, "workflow": 5000}', true),
  ('enterprise', 1, 8, 60, 50000, '{}', true);
