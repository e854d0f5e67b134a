-- +goose Up

-- A case that a person has to look at. Identifiers, codes and times; what tells of the person, or of the tenant's own people, is sealed.
create table review (
  tenant_id        text collate "C" not null,
  environment      text collate "C" not null check (environment in ('test', 'live')),
  id               text collate "C" not null check (id like 'rev\_%'),
  job_id           text collate "C" not null,
  subject_id       text collate "C" not null,
  workflow         text collate "C" not null,
  workflow_version integer not null,
  workflow_hash    text not null,
  score            integer not null check (score between 0 and 10000), -- hundredths of a point
  reasons          text[] collate "C" not null,   -- codes, in the order of the result
  state            text collate "C" not null default 'open' check (state in ('open', 'decided', 'withdrawn')), -- claimed: open, with claim_until to come
  contested        boolean not null default false, -- two reviewers disagreed
  callback         bytea,                          -- the one further receiver of the job's events, sealed under the subject's key
  opened_at        timestamptz not null default clock_timestamp(),
  due_at           timestamptz,
  held_until       timestamptz,                    -- of a job that is not kept: when what a reviewer needs goes
  acts             integer not null default 1,     -- number of the last
  claim_act        integer,                        -- the act that made the present or last claim
  claim_until      timestamptz,
  proposal_act     integer,                        -- a decision that waits for a second person
  outcome_act      integer,                        -- the decision
  closed_at        timestamptz,
  primary key (tenant_id, environment, id),
  unique (tenant_id, environment, job_id),
  check ((claim_act is null) = (claim_until is null)),
  check ((state = 'open') = (closed_at is null)),
  check ((state = 'decided') = (outcome_act is not null))
);
create index review_queue on review (tenant_id, environment, id) where state = 'open';
create index review_of_subject on review (tenant_id, environment, subject_id) where state = 'open';
create index review_waiting on review (opened_at) where state = 'open';
create index review_held on review (held_until) where held_until is not null;

-- What was done to a review, by whom. Nothing of it is ever changed, but that the comments of a job that is not kept go with it.
create table review_act (
  tenant_id     text collate "C" not null,
  environment   text collate "C" not null check (environment in ('test', 'live')),
  review_id     text collate "C" not null,
  number        integer not null check (number > 0),
  kind          text collate "C" not null check (kind in ('opened', 'claimed', 'extended', 'released', 'proposed', 'disagreed', 'decided', 'withdrawn')),
  at            timestamptz not null,
  key_id        text collate "C",                          -- of the API key
  reviewer_hash bytea check (length(reviewer_hash) = 32),  -- keyed, to tell one reviewer from another
  reviewer      bytea,                                     -- what the tenant calls its reviewer, sealed under the tenant's key
  decision      text collate "C" check (decision in ('accepted', 'rejected')),
  reason_code   text collate "C",
  override      boolean,
  overruled     text[] collate "C",                        -- rules that stood against an acceptance
  comment       bytea,                                     -- sealed under the subject's key
  primary key (tenant_id, environment, review_id, number),
  foreign key (tenant_id, environment, review_id) references review,
  check ((kind in ('opened', 'withdrawn')) = (key_id is null)),
  check ((key_id is null) = (reviewer is null) and (key_id is null) = (reviewer_hash is null)),
  check ((kind in ('proposed', 'disagreed', 'decided')) = (decision is not null)),
  check ((decision is null) = (reason_code is null) and (decision is null) = (override is null) and (decision is null) = (overruled is null)),
  check (decision is not null or comment is null)
);

-- How a scope wants its reviews decided. The newest row holds; the others tell when that changed, and by which key.
create table review_setting (
  tenant_id       text collate "C" not null,
  environment     text collate "C" not null check (environment in ('test', 'live')),
  number          bigint generated always as identity,
  second_reviewer text collate "C" not null check (second_reviewer in ('off', 'always', 'on_override')),
  due_after       interval check (due_after > interval '0'), -- null: reviews are not due at any time
  key_id          text collate "C" not null,
  at              timestamptz not null default clock_timestamp(),
  primary key (tenant_id, environment, number)
);

select ekyc.protect('review');
select ekyc.protect('review_act');
select ekyc.protect('review_setting');
grant select, insert on review, review_act, review_setting to ekyc_service;
grant update (state, contested, acts, claim_act, claim_until, proposal_act, outcome_act, closed_at) on review to ekyc_service;
grant select, insert, update (comment) on review_act to ekyc_system;
grant select, update (state, callback, acts, claim_act, claim_until, proposal_act, closed_at) on review to ekyc_system;

-- +goose StatementBegin
-- There is nothing left to look at once a subject is erased. This holds in the erasure's own transaction, whoever erases.
create function withdraw_reviews() returns trigger language plpgsql as $$
begin
  with closed as (
    update review set state = 'withdrawn', acts = acts + 1, claim_act = null, claim_until = null, proposal_act = null, closed_at = clock_timestamp()
    where tenant_id = new.tenant_id and environment = new.environment and subject_id = new.id and state = 'open'
    returning tenant_id, environment, id, acts, closed_at)
  insert into review_act (tenant_id, environment, review_id, number, kind, at)
  select tenant_id, environment, id, acts, 'withdrawn', closed_at from closed;
  return null;
end $$;
-- +goose StatementEnd
create trigger withdraw_reviews after update of erased_at on subject for each row
  when (old.erased_at is null and new.erased_at is not null) execute function withdraw_reviews();

-- +goose Down
drop trigger withdraw_reviews on subject;
drop function withdraw_reviews();
drop table review_setting, review_act, review;
