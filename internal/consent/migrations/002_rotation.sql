-- +goose Up
-- What the tenant's former keys have sealed is sealed anew.
grant select, update (sealed) on consent_text to ekyc_system;
-- +goose StatementBegin
create function consent_text_stays() returns trigger language plpgsql as $$
begin
  if new.tenant_id = old.tenant_id and new.environment = old.environment and new.text_hash = old.text_hash and new.version_hash = old.version_hash
    and new.created_at = old.created_at and new.sealed <> old.sealed and current_user = 'ekyc_system' then
    return new;
  end if;
  raise exception 'consents are never changed' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
drop trigger refuse on consent_text;
create trigger stays before update on consent_text for each row execute function consent_text_stays();
