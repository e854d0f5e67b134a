-- +goose Up
-- The audit log: every security-relevant act, written in the act's own transaction. The record is the truth, a line of JSON that the
-- leaf of the Merkle tree is made of; the columns beside it are computed from it by the database, for searching and for the policies.
-- One tree holds the entries of all tenants and of the platform, so the key is the entry's alone.
create table audit_entry (
  id           text collate "C" primary key check (id ~ '^aud_[0-9a-v]{26}$'),
  record       text collate "C" not null check (length(record) between 2 and 4096),
  at           timestamptz not null,
  subject_id   text collate "C", -- the person whom it concerns; in the record stands a commitment only
  salt         bytea, -- that opens the commitment, sealed under the subject's key
  tenant_id    text collate "C" generated always as (record::jsonb ->> 'tenant') stored, -- null: the platform's
  environment  text collate "C" generated always as (record::jsonb ->> 'environment') stored, -- null: the tenant's in both
  actor_id     text collate "C" generated always as (record::jsonb ->> 'actor_id') stored,
  action       text collate "C" generated always as (record::jsonb ->> 'action') stored,
  outcome      text collate "C" generated always as (record::jsonb ->> 'outcome') stored,
  objects      jsonb generated always as (record::jsonb -> 'objects') stored,
  leaf_index   bigint unique check (leaf_index >= 0), -- null until it is sequenced
  sequenced_at timestamptz,
  check ((leaf_index is null) = (sequenced_at is null)),
  check ((subject_id is null) = (salt is null)),
  check ((subject_id is null) = (record::jsonb ->> 'subject' is null)),
  check (record::jsonb ->> 'id' = id),
  check (record::jsonb ->> 'at' = to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
);
create index audit_unsequenced on audit_entry (id) where sequenced_at is null;
create index audit_of_tenant on audit_entry (tenant_id, id);
create index audit_of_subject on audit_entry (tenant_id, subject_id, id) where subject_id is not null;

-- The hashes of the tree, by their position as golang.org/x/mod/sumdb/tlog counts them. A hash tells nothing of its entry, which has a nonce.
create table audit_hash (
  position bigint primary key check (position >= 0),
  hash     bytea not null check (length(hash) = 32)
);

-- Signed tree heads (C2SP tlog-checkpoint), one for each size that was ever told.
create table audit_checkpoint (
  size      bigint primary key check (size >= 0),
  root      bytea not null check (length(root) = 32),
  note      text not null,
  signed_at timestamptz not null default clock_timestamp()
);

-- The key that signs them: the one of this installation, sealed under the root key.
create table audit_key (
  single     boolean primary key default true check (single), -- there is one row
  verifier   text not null,
  sealed     bytea not null,
  created_at timestamptz not null default now()
);

-- +goose StatementBegin
-- Nothing of the log is changed or removed by anybody, its owner included; only an owner who changes the tables themselves gets past this,
-- and for him there are the checkpoints that others hold.
create function audit_refuse() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- The one change that an entry sees is that it gets its place in the tree.
create function audit_sequenced_once() returns trigger language plpgsql as $$
begin
  if old.leaf_index is null and new.leaf_index is not null and new.id = old.id and new.record = old.record and new.at = old.at
    and new.subject_id is not distinct from old.subject_id and new.salt is not distinct from old.salt then
    return new;
  end if;
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd

create trigger sequenced_once before update on audit_entry for each row execute function audit_sequenced_once();
create trigger refuse before delete on audit_entry for each row execute function audit_refuse();
create trigger refuse_all before truncate on audit_entry for each statement execute function audit_refuse();
create trigger refuse before update or delete on audit_hash for each row execute function audit_refuse();
create trigger refuse_all before truncate on audit_hash for each statement execute function audit_refuse();
create trigger refuse before update or delete on audit_checkpoint for each row execute function audit_refuse();
create trigger refuse_all before truncate on audit_checkpoint for each statement execute function audit_refuse();
create trigger refuse before update or delete on audit_key for each row execute function audit_refuse();
create trigger refuse_all before truncate on audit_key for each statement execute function audit_refuse();

-- A tenant sees its own entries of the environment, and those that concern it in both.
alter table audit_entry enable row level security;
alter table audit_entry force row level security;
create policy scope_read on audit_entry for select to ekyc_service
  using (tenant_id = tenant_scope() and (environment is null or environment = environment_scope()));
create policy scope_add on audit_entry for insert to ekyc_service
  with check (tenant_id = tenant_scope() and environment = environment_scope());
create policy all_read on audit_entry for select to ekyc_system using (true);
create policy all_add on audit_entry for insert to ekyc_system with check (true);
create policy own_read on audit_entry for select to ekyc_owner using (true);
create policy own_sequence on audit_entry for update to ekyc_owner using (leaf_index is null) with check (true);

grant select, insert (id, record, at, subject_id, salt) on audit_entry to ekyc_service, ekyc_system;
grant select on audit_hash, audit_checkpoint to ekyc_service, ekyc_system;
grant insert on audit_hash, audit_checkpoint to ekyc_system;
grant select, insert on audit_key to ekyc_system;

-- +goose StatementBegin
-- audit_sequence gives unsequenced entries the next places of the tree in the order of the list, and the first of these places back. It is
-- the owner's, so that the roles of the service need no right to change an entry.
create function audit_sequence(entries text[]) returns bigint language plpgsql security definer set search_path = ekyc, pg_temp as $$
declare
  first_place bigint;
  placed      bigint;
begin
  perform pg_advisory_xact_lock(111512272462081); -- of the sequencer, which has it already
  select coalesce(max(leaf_index) + 1, 0) into first_place from audit_entry;
  update audit_entry e set leaf_index = first_place + o.place - 1, sequenced_at = clock_timestamp()
    from unnest(entries) with ordinality o (id, place) where e.id = o.id and e.leaf_index is null;
  get diagnostics placed = row_count;
  if placed <> cardinality(entries) then
    raise exception '% of % entries are there and unsequenced', placed, cardinality(entries) using errcode = 'object_not_in_prerequisite_state';
  end if;
  return first_place;
end $$;
-- +goose StatementEnd
revoke all on function audit_sequence(text[]) from public;
grant execute on function audit_sequence(text[]) to ekyc_system;
