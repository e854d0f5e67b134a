-- +goose Up
-- Nothing here is personal data: workflows are rules about documents and measurements, written by a tenant's engineers.

-- What a scope has chosen, and the lock under which its versions, its default and its shadows change.
create table workflow_choice (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  default_id  text collate "C", -- a version; null for the one that the program brings
  primary key (tenant_id, environment)
);

create table workflow_draft (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null check (id like 'wfl\_%'),
  name        text collate "C" not null,
  format      text not null check (format in ('json', 'yaml')),
  source      text not null, -- as its author wrote it
  definition  text not null, -- canonical JSON (RFC 8785), with its defaults filled in
  hash        text collate "C" not null check (hash = encode(sha256(convert_to(definition, 'UTF8')), 'hex')),
  created_by  text not null, -- identifier of the API key, as are the others
  created_at  timestamptz not null default clock_timestamp(),
  changed_by  text not null,
  changed_at  timestamptz not null default clock_timestamp(),
  primary key (tenant_id, environment, id)
);

-- A version is a draft that was published, under the identifier that it had. Nobody may change what it says, or take it away: jobs name it.
create table workflow_version (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  id           text collate "C" not null check (id like 'wfl\_%'),
  name         text collate "C" not null check (name <> 'default'),
  version      integer not null check (version > 0), -- 1, 2, 3… of the name
  format       text not null check (format in ('json', 'yaml')),
  source       text not null,
  definition   text not null,
  hash         text collate "C" not null check (hash = encode(sha256(convert_to(definition, 'UTF8')), 'hex')),
  created_by   text not null,
  created_at   timestamptz not null,
  changed_by   text not null,
  changed_at   timestamptz not null,
  published_by text not null,
  published_at timestamptz not null default clock_timestamp(),
  retired_by   text,
  retired_at   timestamptz,
  primary key (tenant_id, environment, id),
  unique (tenant_id, environment, name, version),
  check ((retired_by is null) = (retired_at is null))
);
alter table workflow_choice add foreign key (tenant_id, environment, default_id) references workflow_version (tenant_id, environment, id);

-- Versions that decide beside the one that counts.
create table workflow_shadow (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  workflow_id text collate "C" not null,
  beside      text collate "C" not null, -- name of the workflow whose jobs it looks at; '' for all jobs
  started_by  text not null,
  started_at  timestamptz not null default clock_timestamp(),
  primary key (tenant_id, environment, workflow_id),
  foreign key (tenant_id, environment, workflow_id) references workflow_version (tenant_id, environment, id)
);

select ekyc.protect('workflow_choice');
select ekyc.protect('workflow_draft');
select ekyc.protect('workflow_version');
select ekyc.protect('workflow_shadow');
grant select, insert, update (default_id) on workflow_choice to ekyc_service;
grant select, insert, delete, update (name, format, source, definition, hash, changed_by, changed_at) on workflow_draft to ekyc_service;
grant select, insert, update (retired_by, retired_at) on workflow_version to ekyc_service;
grant select, insert, update (beside), delete on workflow_shadow to ekyc_service;

-- +goose Down
drop table workflow_shadow, workflow_choice, workflow_version, workflow_draft;
