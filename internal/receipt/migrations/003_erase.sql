-- +goose Up

-- The salt of a receipt goes with an erasure; the receipt itself stays as it was signed.
create index receipt_of_subject on receipt (tenant_id, environment, subject_id);
alter table receipt drop constraint receipt_check;
alter table receipt add constraint receipt_salt_of_first check (salt is null or sequence = 1);
grant update (salt) on receipt to ekyc_service;

-- +goose Down
revoke update (salt) on receipt from ekyc_service;
alter table receipt drop constraint receipt_salt_of_first;
alter table receipt no force row level security; -- forced, it hides every row from who migrates
delete from receipt where sequence = 1 and salt is null;
alter table receipt force row level security;
alter table receipt add constraint receipt_check check ((sequence = 1) = (salt is not null));
drop index receipt_of_subject;
