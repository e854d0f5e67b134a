-- +goose Up
-- A hold that an operator of the platform has put, beside the tenant's own: either keeps the subject. The reason is sealed under the subject's key.
alter table subject
  add column operator_hold_at     timestamptz,
  add column operator_hold_reason bytea,
  add column operator_hold_by     text collate "C",
  add constraint operator_hold_complete check ((operator_hold_at is null) = (operator_hold_reason is null) and (operator_hold_at is null) = (operator_hold_by is null)),
  add constraint operator_hold_keeps check (operator_hold_at is null or erased_at is null);
drop index subject_hold;
create index subject_hold on subject (tenant_id, environment, id) where hold_at is not null or operator_hold_at is not null;
grant update (operator_hold_at, operator_hold_reason, operator_hold_by) on subject to ekyc_service;

-- +goose StatementBegin
create or replace function subject_held(tenant text, environment text, subject text) returns boolean language sql stable as $$
  select exists (select from ekyc.subject s where s.tenant_id = $1 and s.environment = $2 and s.id = $3 and (s.hold_at is not null or s.operator_hold_at is not null))
$$;
-- +goose StatementEnd

-- Whether a picture's subject is held, so that who removes what is over finds none of the held in the index. Pictures are put, and holds put and ended,
-- under the lock of the subject's row.
alter table media add column held boolean not null default false;
alter table media no force row level security; -- forced, it hides every row from who migrates
alter table subject no force row level security;
update media m set held = true from subject s where s.tenant_id = m.tenant_id and s.environment = m.environment and s.id = m.subject_id and s.hold_at is not null;
alter table subject force row level security;
alter table media force row level security;
grant update (held) on media to ekyc_service;
drop index media_expiry;
create index media_expiry on media (expires_at) where expires_at is not null and not held;
create index media_to_remove on media (tenant_id, environment, expires_at) where expires_at is not null and not held;
-- +goose StatementBegin
create function hold_media() returns trigger language plpgsql as $$
begin
  update ekyc.media set held = new.hold_at is not null or new.operator_hold_at is not null
    where tenant_id = new.tenant_id and environment = new.environment and subject_id = new.id;
  return null;
end $$;
-- +goose StatementEnd
create trigger hold_media after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_media();
-- +goose StatementBegin
create function media_of_held() returns trigger language plpgsql as $$
begin
  new.held := ekyc.subject_held(new.tenant_id, new.environment, new.subject_id);
  return new;
end $$;
-- +goose StatementEnd
create trigger media_of_held before insert on media for each row execute function media_of_held();

-- Pictures that went with their subject are noted for good, like the subject.
alter table media_over add column subject_id text collate "C";

-- +goose Down
alter table media_over drop column subject_id;
drop trigger media_of_held on media;
drop trigger hold_media on subject;
drop function media_of_held();
drop function hold_media();
drop index media_to_remove;
drop index media_expiry;
alter table media drop column held;
create index media_expiry on media (expires_at) where expires_at is not null;
drop index subject_hold;
create index subject_hold on subject (tenant_id, environment, id) where hold_at is not null;
-- +goose StatementBegin
create or replace function subject_held(tenant text, environment text, subject text) returns boolean language sql stable as $$
  select exists (select from ekyc.subject s where s.tenant_id = $1 and s.environment = $2 and s.id = $3 and s.hold_at is not null)
$$;
-- +goose StatementEnd
alter table subject drop column operator_hold_by, drop column operator_hold_reason, drop column operator_hold_at;
