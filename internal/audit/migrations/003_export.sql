-- +goose Up
-- How far each place of export holds the log, as the service last made sure. It is for telling the lag and nothing else: an export goes on where the
-- place itself ends.
create table audit_export (
  target text primary key check (length(target) between 1 and 2000),
  size   bigint not null check (size >= 0),
  at     timestamptz not null default clock_timestamp()
);
grant select, insert, update on audit_export to ekyc_system;
