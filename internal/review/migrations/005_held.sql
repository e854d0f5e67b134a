-- +goose Up
-- Whether a review's subject is held, so that a sweep reads nothing of the held, see the vault.
alter table review add column held boolean not null default false;
alter table review no force row level security; -- forced, it hides every row from who migrates
alter table subject no force row level security;
update review r set held = true from subject s
  where s.tenant_id = r.tenant_id and s.environment = r.environment and s.id = r.subject_id and (s.hold_at is not null or s.operator_hold_at is not null);
alter table subject force row level security;
alter table review force row level security;
grant update (held) on review to ekyc_service;
create trigger put_held before insert on review for each row execute function put_held();
create trigger hold_review after update of hold_at, operator_hold_at on subject for each row
  when ((old.hold_at is null and old.operator_hold_at is null) <> (new.hold_at is null and new.operator_hold_at is null)) execute function hold_rows('review');
drop index review_held;
create index review_to_sweep on review (held_until) where not swept and held_until is not null and not held;
