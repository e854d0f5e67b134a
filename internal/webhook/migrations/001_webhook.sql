-- +goose Up
create table webhook_endpoint (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id text collate "C" not null,
  url bytea, -- sealed under the tenant's key; gone with the endpoint
  description bytea, -- sealed likewise
  types text[] collate "C" not null, -- empty: all
  thin boolean not null,
  public_key text, -- whpk_… of the current Ed25519 key
  disabled_reason text check (disabled_reason in ('by_tenant', 'gone', 'failing')),
  disabled_at timestamptz,
  failing_since timestamptz, -- of the first failure since the last success, or since a pause in which nothing was tried
  last_failure_at timestamptz,
  created_at timestamptz not null default now(),
  deleted_at timestamptz, -- its deliveries stay listed until their time is over
  primary key (tenant_id, environment, id),
  check ((disabled_reason is null) = (disabled_at is null)),
  check ((url is null) = (deleted_at is not null))
);
select ekyc.protect('webhook_endpoint');
grant select, insert, update on webhook_endpoint to ekyc_service;
grant select, delete on webhook_endpoint to ekyc_system;

-- Secrets of an endpoint, or of the tenant's default where endpoint_id is null. One is current; others serve out their overlap.
create table webhook_secret (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id text collate "C" not null,
  endpoint_id text collate "C",
  algorithm text not null check (algorithm in ('v1', 'v1a')),
  sealed bytea not null,
  valid_until timestamptz, -- null: current
  created_at timestamptz not null default now(),
  primary key (tenant_id, environment, id),
  foreign key (tenant_id, environment, endpoint_id) references webhook_endpoint on delete cascade
);
create unique index webhook_secret_current on webhook_secret (tenant_id, environment, coalesce(endpoint_id, ''), algorithm) where valid_until is null;
create index webhook_secret_endpoint on webhook_secret (tenant_id, environment, endpoint_id);
create index webhook_secret_overlap on webhook_secret (valid_until) where valid_until is not null;
select ekyc.protect('webhook_secret');
grant select, insert, update (valid_until), delete on webhook_secret to ekyc_service;
grant select, delete on webhook_secret to ekyc_system;

create table webhook_event (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id text collate "C" not null,
  type text collate "C" not null,
  subject_id text collate "C" not null, -- '': the tenant's own key
  body bytea, -- sealed; null once it is no longer held
  thin_body bytea,
  drop_at timestamptz not null, -- when the bodies go
  trace_parent text not null default '' check (length(trace_parent) <= 100), -- in which it was published
  created_at timestamptz not null default now(),
  primary key (tenant_id, environment, id)
);
create index webhook_event_drop on webhook_event (drop_at) where body is not null;
create index webhook_event_created on webhook_event (created_at);
select ekyc.protect('webhook_event');
grant select, insert on webhook_event to ekyc_service;
grant select, update (body, thin_body), delete on webhook_event to ekyc_system;

create table webhook_delivery (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id text collate "C" not null,
  event_id text collate "C" not null,
  endpoint_id text collate "C", -- null: a callback
  callback_url bytea, -- sealed with the event's subject
  callback_host text collate "C", -- a keyed hash of it, which tells slow receivers from others
  type text collate "C" not null, -- the event's
  status text collate "C" not null default 'pending' check (status in ('pending', 'retrying', 'delivered', 'dead')),
  attempts integer not null default 0, -- begun ones; the number of the last is the token of its lease
  failures integer not null default 0, -- since the schedule began
  next_attempt_at timestamptz default now(), -- null: none is planned
  lease_until timestamptz, -- an attempt is being made
  woken_at timestamptz, -- by the last sweep
  wakes integer not null default 0, -- by sweeps, since the last attempt
  status_code integer not null default 0,
  failure text collate "C" not null default '',
  created_at timestamptz not null default now(),
  delivered_at timestamptz,
  primary key (tenant_id, environment, id),
  foreign key (tenant_id, environment, event_id) references webhook_event on delete cascade,
  foreign key (tenant_id, environment, endpoint_id) references webhook_endpoint,
  check ((next_attempt_at is not null) = (status in ('pending', 'retrying')))
);
create index webhook_delivery_event on webhook_delivery (event_id);
create index webhook_delivery_endpoint on webhook_delivery (tenant_id, environment, endpoint_id, id);
create index webhook_delivery_due on webhook_delivery (next_attempt_at) where next_attempt_at is not null;
create index webhook_delivery_dead on webhook_delivery (id) where status = 'dead';
select ekyc.protect('webhook_delivery');
grant select, insert, update on webhook_delivery to ekyc_service;
grant select, update (woken_at, wakes, callback_url, callback_host), delete on webhook_delivery to ekyc_system;

create table webhook_attempt (
  tenant_id text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  delivery_id text collate "C" not null,
  number integer not null,
  at timestamptz not null,
  status_code integer not null,
  failure text collate "C" not null,
  answer bytea, -- sealed, at most 4 KiB of it
  duration_ms double precision not null,
  primary key (tenant_id, environment, delivery_id, number),
  foreign key (tenant_id, environment, delivery_id) references webhook_delivery on delete cascade
);
select ekyc.protect('webhook_attempt');
grant select, insert on webhook_attempt to ekyc_service;
grant select, update (answer), delete on webhook_attempt to ekyc_system;
