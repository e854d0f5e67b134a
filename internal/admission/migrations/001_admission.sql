-- +goose Up
-- Signatures that were accepted, for as long as their timestamps could be accepted again. Only the system decides about requests,
-- and a key identifier is globally unique: there is no tenant in these rows, and the service sees none of them.
create table signature_seen (
  key_id    text collate "C" not null,
  signature bytea not null check (octet_length(signature) = 32),
  signed_at timestamptz not null,
  primary key (key_id, signature)
);
create index signature_seen_signed on signature_seen (signed_at);
grant select, insert, update, delete on signature_seen to ekyc_system; -- update: to lock rows that are swept

-- How many requests a window has admitted: windows 'minute', 'day' and 'endpoint/<route template>' of a key, and 'global' of
-- nobody. There are as many rows as keys have windows; none is ever removed. They change with every request, so pages keep room
-- for new versions of a row beside the old.
create table rate_window (
  owner     text collate "C" not null,
  name      text collate "C" not null,
  opened_at timestamptz not null,
  used      integer not null check (used >= 0),
  primary key (owner, name)
) with (fillfactor = 40);
grant select, insert, update on rate_window to ekyc_system;
