-- +goose Up
-- How often a sweep has tried to complete an erasure and to look a second time, and when it tries again: what fails makes room for others.
alter table erasure
  add column tries        integer not null default 0,
  add column next_try_at  timestamptz,
  add column looks        integer not null default 0,
  add column next_look_at timestamptz;
alter table erasure_unkept
  add column looks        integer not null default 0,
  add column next_look_at timestamptz;
drop index erasure_incomplete;
drop index erasure_to_look_at;
drop index erasure_unkept_to_look_at;
create index erasure_incomplete on erasure (tries, erased_at) where completed_at is null;
create index erasure_to_look_at on erasure (looks, erased_at) where looked_at is null;
create index erasure_unkept_to_look_at on erasure_unkept (looks, erased_at);
grant update (tries, next_try_at, looks, next_look_at) on erasure to ekyc_service;
grant update (looks, next_look_at) on erasure_unkept to ekyc_service;
