-- +goose Up
-- How many days each class is kept, by scope. Each change is a row, which is never changed but for when it was applied to what was kept before it.
create table retention_setting (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  number      bigint generated always as identity,
  days        jsonb not null check (jsonb_typeof(days) = 'object'),
  key_id      text collate "C" not null,
  at          timestamptz not null default clock_timestamp(),
  applied_at  timestamptz,
  primary key (tenant_id, environment, number)
);
create index retention_setting_pending on retention_setting (tenant_id, environment) where applied_at is null;
select ekyc.protect('retention_setting');
grant select, insert on retention_setting to ekyc_service;
grant select, update (applied_at) on retention_setting to ekyc_system;

-- +goose Down
drop table retention_setting;
