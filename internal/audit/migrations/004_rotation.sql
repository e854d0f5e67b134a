-- +goose Up
-- The log's key is replaced by a next one: a row for each. The private half of a former key is destroyed; the public half stays, with the size of the
-- tree up to which it has signed. At that size stands the checkpoint that both have signed, by which the one introduces the other.
alter table audit_key drop column single; -- with the primary key
alter table audit_key
  add column number     integer primary key default 1 check (number > 0),
  add column first_size bigint not null default 0 check (first_size >= 0),
  add column last_size  bigint check (last_size >= first_size), -- null: it signs
  add column retired_at timestamptz,
  alter column sealed drop not null,
  add constraint audit_key_verifier unique (verifier),
  add constraint audit_key_ended check ((retired_at is null) = (last_size is null) and (retired_at is null) = (sealed is not null));
create unique index audit_key_current on audit_key ((true)) where retired_at is null;

-- +goose StatementBegin
-- The changes that a key sees are that its private half is sealed anew, when the root key is rotated, and that it ends.
create or replace function audit_key_stays() returns trigger language plpgsql as $$
begin
  if new.number = old.number and new.verifier = old.verifier and new.created_at = old.created_at and new.first_size = old.first_size and old.retired_at is null
    and (new.retired_at is not null or new.sealed <> old.sealed) then
    return new;
  end if;
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
grant update (last_size, retired_at) on audit_key to ekyc_system;
grant select (number, verifier, first_size, last_size, created_at, retired_at) on audit_key to ekyc_service;
