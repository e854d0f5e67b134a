-- +goose Up
-- What other rooms keep of a subject is marked with its hold as pictures are, so that who removes what is over finds none of the held in an index. Rows
-- of a subject are put, and holds put and ended, under the lock of the subject's row, which the trigger takes where nobody has yet.
alter function media_of_held() rename to put_held;
-- +goose StatementBegin
create or replace function put_held() returns trigger language plpgsql as $$
begin
  select s.hold_at is not null or s.operator_hold_at is not null into new.held from ekyc.subject s
    where s.tenant_id = new.tenant_id and s.environment = new.environment and s.id = new.subject_id for share;
  new.held := coalesce(new.held, false);
  return new;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function hold_rows() returns trigger language plpgsql as $$ -- of the table that the trigger names
begin
  execute format('update ekyc.%I set held = $1 where tenant_id = $2 and environment = $3 and subject_id = $4', tg_argv[0])
    using new.hold_at is not null or new.operator_hold_at is not null, new.tenant_id, new.environment, new.id;
  return null;
end $$;
-- +goose StatementEnd
drop trigger hold_media on subject;
drop function hold_media();
create trigger hold_media after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_rows('media');
