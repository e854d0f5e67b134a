-- Roles and schemas, made by the first migration of a server and left alone afterwards.
do $$
declare
  name text;
begin
  foreach name in array array['ekyc_owner', 'ekyc_service', 'ekyc_system'] loop
    if not exists (select from pg_roles where rolname = name) then
      begin
        execute format('create role %I nologin', name);
      exception when duplicate_object or unique_violation then
        null; -- another database of this server was migrated at the same moment
      end;
    end if;
    if not pg_has_role(current_user, name, 'member') then
      execute format('grant %I to %I', name, current_user);
    end if;
  end loop;
  if not exists (select from pg_namespace where nspname = 'ekyc') then
    create schema ekyc authorization ekyc_owner;
    grant usage on schema ekyc to ekyc_service, ekyc_system;
  end if;
  -- Wrapped keys stand apart, so that their backups can be short-lived.
  if not exists (select from pg_namespace where nspname = 'ekyc_keys') then
    create schema ekyc_keys authorization ekyc_owner;
    grant usage on schema ekyc_keys to ekyc_service, ekyc_system;
  end if;
  if not exists (select from pg_namespace where nspname = 'river') then
    create schema river authorization ekyc_owner;
    grant usage on schema river to ekyc_service, ekyc_system;
  end if;
  -- The scope of the transaction, for policies. Empty outside of one, so that nothing is seen.
  if to_regprocedure('ekyc.tenant_scope()') is null then
    set local role ekyc_owner;
    create function ekyc.tenant_scope() returns text language sql stable parallel safe
      as $f$ select coalesce(current_setting('ekyc.tenant', true), '') $f$;
    create function ekyc.environment_scope() returns text language sql stable parallel safe
      as $f$ select coalesce(current_setting('ekyc.environment', true), '') $f$;
    -- protect puts a table with tenant_id and environment under row-level security: the service sees the transaction's scope, the
    -- system role all rows. What each may do beyond seeing is granted by the table's own migration.
    create function ekyc.protect(target regclass, by_environment boolean default true) returns void language plpgsql as $f$
    declare
      rule text := 'tenant_id = ekyc.tenant_scope()' || case when by_environment then ' and environment = ekyc.environment_scope()' else '' end;
    begin
      execute format('alter table %s enable row level security', target);
      execute format('alter table %s force row level security', target);
      execute format('create policy scope on %s to ekyc_service using (%s) with check (%s)', target, rule, rule);
      execute format('create policy all_rows on %s to ekyc_system using (true) with check (true)', target);
    end $f$;
    reset role;
  end if;
end $$;
