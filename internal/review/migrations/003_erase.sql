-- +goose Up

-- An erasure takes what reviews of the subject hold: comments, callbacks and the codes of what was found. It does so in its own transaction, whoever
-- erases; the service itself has no right to change an act.
drop index review_of_subject;
create index review_of_subject on review (tenant_id, environment, subject_id);
create policy own_forget on review to ekyc_owner using (true) with check (true);
create policy own_forget on review_act to ekyc_owner using (true) with check (true);
-- +goose StatementBegin
create function forget_reviews() returns trigger language plpgsql security definer set search_path = ekyc, pg_temp as $$
begin
  update review set callback = null, reasons = '{}'
    where tenant_id = new.tenant_id and environment = new.environment and subject_id = new.id and (callback is not null or reasons <> '{}');
  update review_act a set comment = null from review r
    where r.tenant_id = new.tenant_id and r.environment = new.environment and r.subject_id = new.id
      and a.tenant_id = r.tenant_id and a.environment = r.environment and a.review_id = r.id and a.comment is not null;
  return null;
end $$;
-- +goose StatementEnd
revoke all on function forget_reviews() from public;
create trigger forget_reviews after update of erased_at on subject for each row
  when (old.erased_at is null and new.erased_at is not null) execute function forget_reviews();

-- +goose Down
drop trigger forget_reviews on subject;
drop function forget_reviews();
drop policy own_forget on review_act;
drop policy own_forget on review;
drop index review_of_subject;
create index review_of_subject on review (tenant_id, environment, subject_id) where state = 'open';
