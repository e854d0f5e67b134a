-- +goose Up
-- +goose StatementBegin
-- The one change that the log's key sees is that its private half is sealed anew, when the root key is rotated. Which key it is stays.
create function audit_key_stays() returns trigger language plpgsql as $$
begin
  if new.sealed <> old.sealed and new.single = old.single and new.verifier = old.verifier and new.created_at = old.created_at then
    return new;
  end if;
  raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
drop trigger refuse on audit_key;
create trigger stays before update on audit_key for each row execute function audit_key_stays();
create trigger refuse before delete on audit_key for each row execute function audit_refuse();
grant update (sealed) on audit_key to ekyc_system;
