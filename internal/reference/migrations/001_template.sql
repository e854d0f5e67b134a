-- +goose Up
-- What a subject's reference photograph became when it was enrolled, sealed under the subject's key, with the models that made it in the open: a
-- template of other models is made anew from the photograph and never compared. It goes with the photograph, and with the key.
create table reference_template (
  tenant_id   text collate "C" not null,
  environment text collate "C" not null check (environment in ('test', 'live')),
  media_id    text collate "C" not null,
  subject_id  text collate "C" not null,
  model       text collate "C" not null check (model <> ''),
  sealed      bytea not null,
  made_at     timestamptz not null default now(),
  primary key (tenant_id, environment, media_id),
  foreign key (tenant_id, environment, media_id) references media (tenant_id, environment, id) on delete cascade,
  foreign key (tenant_id, environment, subject_id) references subject (tenant_id, environment, id)
);
create index reference_template_of_subject on reference_template (tenant_id, environment, subject_id);
select ekyc.protect('reference_template');
grant select, insert, update (model, sealed, made_at) on reference_template to ekyc_service;
