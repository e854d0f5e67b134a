-- +goose Up
-- Every review has an end now, with its job: what was opened before has the days of a scope that has said nothing, from now on.
alter table review no force row level security; -- forced, it hides every row from who migrates
update review set held_until = now() + interval '30 days' where held_until is null;
alter table review force row level security;
alter table review add column swept boolean not null default false; -- its time was over, and nothing that was sealed or found is left of it
drop index review_held;
create index review_held on review (held_until) where not swept and held_until is not null;
create index review_to_limit on review (tenant_id, environment, held_until) where not swept and held_until is not null;
create index review_without_end on review (opened_at) where held_until is null; -- of those that a worker of before opens beside newer ones
grant update (held_until) on review to ekyc_service, ekyc_system;
grant update (swept, reasons) on review to ekyc_system;

-- +goose Down
revoke update (held_until) on review from ekyc_service, ekyc_system;
drop index review_without_end;
drop index review_to_limit;
drop index review_held;
alter table review drop column swept;
create index review_held on review (held_until) where held_until is not null;
