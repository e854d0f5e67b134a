-- +goose Up
grant delete on request_log to ekyc_system; -- lines of tenants that keep them for less time than others; whole days go with their partition

-- The first day of which there are lines.
-- +goose StatementBegin
create function request_log_first_day() returns date language sql stable security definer set search_path = ekyc, pg_temp as $$
  select min(to_date(right(c.relname, 8), 'YYYYMMDD')) from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'ekyc.request_log'::regclass and c.relname ~ '^request_log_\d{8}$'
$$;
-- +goose StatementEnd
revoke all on function request_log_first_day() from public;
grant execute on function request_log_first_day() to ekyc_system;

-- +goose Down
drop function request_log_first_day;
revoke delete on request_log from ekyc_system;
