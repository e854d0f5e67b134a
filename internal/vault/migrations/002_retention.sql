-- +goose Up
-- Photographs that stay beyond the work that they were taken for. Only these are given out, only their end is told, and only theirs is brought
-- forward by shorter settings.
alter table media add column kept boolean not null default false;
alter table media no force row level security; -- forced, it hides every row from who migrates
update media set kept = true where kind = 'reference';
alter table media force row level security;
grant update (kept) on media to ekyc_service;
alter table media drop constraint media_kind_check;
alter table media add constraint media_kind_check
  check (kind in ('selfie', 'frame', 'document_front', 'document_back', 'face_crop', 'reference'));
create index media_expiry_of_scope on media (tenant_id, environment, expires_at) where expires_at is not null;

-- What there was, so that who asks for it later learns that its time is over. Identifiers only, for a while.
create table media_over (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  id          text collate "C" not null,
  at          timestamptz not null default now(),
  primary key (tenant_id, environment, id)
);
create index media_over_at on media_over (at);
select ekyc.protect('media_over');
grant select, insert on media_over to ekyc_service;
grant select, delete on media_over to ekyc_system;

-- A legal hold: nothing of the subject ends, is removed or erased while it lasts. The reason is sealed under the subject's key.
alter table subject
  add column hold_at     timestamptz,
  add column hold_reason bytea,
  add column hold_key_id text collate "C",
  add constraint subject_hold_complete check ((hold_at is null) = (hold_reason is null) and (hold_at is null) = (hold_key_id is null)),
  add constraint subject_hold_keeps check (hold_at is null or erased_at is null);
create index subject_hold on subject (tenant_id, environment, id) where hold_at is not null;
grant update (hold_at, hold_reason, hold_key_id) on subject to ekyc_service;

-- For every room that removes what is over: is there a hold on the subject?
-- +goose StatementBegin
create function subject_held(tenant text, environment text, subject text) returns boolean language sql stable as $$
  select exists (select from ekyc.subject s where s.tenant_id = $1 and s.environment = $2 and s.id = $3 and s.hold_at is not null)
$$;
-- +goose StatementEnd

-- +goose Down
drop function subject_held;
alter table subject drop column hold_key_id, drop column hold_reason, drop column hold_at;
drop table media_over;
drop index media_expiry_of_scope;
alter table media drop column kept;
