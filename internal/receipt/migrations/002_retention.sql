-- +goose Up
-- Every receipt has an end now, with its job: what was issued before has the days of a scope that has said nothing, from now on.
alter table receipt no force row level security; -- forced, it hides every row from who migrates
update receipt set drop_at = now() + interval '30 days' where drop_at is null;
alter table receipt force row level security;
create index receipt_to_limit on receipt (tenant_id, environment, drop_at) where drop_at is not null;
create index receipt_without_end on receipt (issued_at) where drop_at is null; -- of those that a worker of before issues beside newer ones
grant update (drop_at) on receipt to ekyc_service, ekyc_system;

-- +goose Down
revoke update (drop_at) on receipt from ekyc_service, ekyc_system;
drop index receipt_without_end;
drop index receipt_to_limit;
