-- +goose Up
-- One row for each request of a tenant, without personal data: the route's template and never its path, no address, no body.
create table request_log (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null,
  at          timestamptz not null,
  key_id      text not null,
  method      text not null,
  route       text not null,
  status      smallint not null check (status between 100 and 599),
  code        text not null,
  duration_ms double precision not null check (duration_ms >= 0),
  bytes_in    bigint not null check (bytes_in >= 0),
  bytes_out   bigint not null check (bytes_out >= 0),
  trace_id    text not null,
  module      text not null,
  billed      boolean not null,
  primary key (tenant_id, environment, id, at)
) partition by range (at);
select ekyc.protect('request_log');
grant select on request_log to ekyc_service;
grant select, insert on request_log to ekyc_system;

-- Partitions are tables, which only the owner can make and remove. These two functions do it for the system role, for this table
-- and days of ours alone. Nothing is granted on a partition itself: rows are reached through the parent and its policies only.

-- +goose StatementBegin
create function request_log_make_day(day date) returns void language plpgsql security definer set search_path = ekyc, pg_temp as $$
declare
  child name := 'request_log_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass('ekyc.' || child) is not null then
    return;
  end if;
  if day not between current_date - 400 and current_date + 31 then
    raise exception 'no partition is made for %', day using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(hashtext('ekyc.request_log'));
  -- The table itself is asked: to_regclass would answer from the cache that it filled above.
  if exists (select from pg_class c where c.relname = child and c.relnamespace = 'ekyc'::regnamespace) then
    return; -- another process was faster
  end if;
  -- Attaching takes a lock that lets readers and writers go on; making it as a partition at once would not.
  execute format('create table ekyc.%I (like ekyc.request_log including all)', child);
  execute format('alter table ekyc.%I enable row level security', child);
  execute format('alter table ekyc.%I force row level security', child);
  execute format('alter table ekyc.request_log attach partition ekyc.%I for values from (%L) to (%L)', child,
    day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function request_log_drop_before(day date) returns integer language plpgsql security definer set search_path = ekyc, pg_temp as $$
declare
  child name;
  dropped integer := 0;
begin
  set local lock_timeout = '3s'; -- whoever reads for long goes first; the next sweep tries again
  for child in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'ekyc.request_log'::regclass and c.relname ~ '^request_log_\d{8}$' and c.relname < 'request_log_' || to_char(day, 'YYYYMMDD')
    order by c.relname
  loop
    execute format('drop table ekyc.%I', child);
    dropped := dropped + 1;
  end loop;
  return dropped;
end $$;
-- +goose StatementEnd

revoke all on function request_log_make_day(date), request_log_drop_before(date) from public;
grant execute on function request_log_make_day(date), request_log_drop_before(date) to ekyc_system;
