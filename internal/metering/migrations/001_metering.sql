-- +goose Up
-- A tenant's own quota; units null is unlimited. No row: the plan's quota.
create table quota_limit (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  module      text collate "C" not null check (module in ('liveness', 'ocr', 'validate', 'face_match', 'kya', 'workflow')),
  units       bigint check (units between 0 and 1000000000000),
  set_at      timestamptz not null default now(),
  primary key (tenant_id, environment, module)
);
select ekyc.protect('quota_limit');
grant select on quota_limit to ekyc_service;
grant select, insert, update, delete on quota_limit to ekyc_system;

-- The counters of one month. They change with every request, so pages keep room for new versions of a row beside the old.
create table quota_usage (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  period      text collate "C" not null check (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  module      text collate "C" not null check (module in ('liveness', 'ocr', 'validate', 'face_match', 'kya', 'workflow')),
  used        bigint not null default 0 check (used >= 0),
  reserved    bigint not null default 0 check (reserved >= 0),
  crossed_80  boolean not null default false,
  crossed_100 boolean not null default false,
  primary key (tenant_id, environment, period, module)
) with (fillfactor = 50);
select ekyc.protect('quota_usage');
grant select, insert, update on quota_usage to ekyc_service;
grant select, update on quota_usage to ekyc_system;

-- An expired reservation has given its units back and can still be committed or extended, where there is room.
create table reservation (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  id           text collate "C" not null,
  status       text not null default 'open' check (status in ('open', 'expired', 'committed', 'refunded')),
  period       text collate "C" not null,
  modules      text[] collate "C" not null,
  units        bigint[] not null check (0 < all (units)),
  quotas       bigint[] not null, -- the plan's; null is unlimited
  overage      boolean not null,
  plan         text not null,
  plan_version integer not null,
  job_id       text,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null,
  settled_at   timestamptz,
  primary key (tenant_id, environment, id),
  check (cardinality(modules) > 0 and cardinality(modules) = cardinality(units) and cardinality(modules) = cardinality(quotas)),
  check ((settled_at is null) = (status in ('open', 'expired')))
) with (fillfactor = 80);
create index reservation_open on reservation (expires_at) where status = 'open';
create index reservation_over on reservation (expires_at) where status <> 'open';
select ekyc.protect('reservation');
grant select, insert, update on reservation to ekyc_service;
grant select, update, delete on reservation to ekyc_system;

-- The record of usage: nobody may change or remove an entry.
create table usage_event (
  tenant_id    text collate "C" not null,
  environment  text collate "C" not null check (environment in ('test', 'live')),
  id           text collate "C" not null,
  module       text collate "C" not null check (module in ('liveness', 'ocr', 'validate', 'face_match', 'kya', 'workflow')),
  units        bigint not null check (units > 0),
  over_limit   bigint not null check (over_limit between 0 and units),
  plan         text not null,
  plan_version integer not null,
  job_id       text,
  key_id       text,
  occurred_at  timestamptz not null default now(),
  period       text collate "C" not null check (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  dedupe_key   text collate "C" not null,
  primary key (tenant_id, environment, id),
  unique (tenant_id, environment, dedupe_key)
);
create index usage_event_occurred on usage_event (tenant_id, environment, occurred_at);
create index usage_event_period on usage_event (tenant_id, environment, period);
select ekyc.protect('usage_event');
grant select, insert on usage_event to ekyc_service;
grant select on usage_event to ekyc_system;
