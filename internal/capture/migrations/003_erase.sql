-- +goose Up

-- An erasure finds the links that became jobs of the subject.
create index capture_of_job on capture (tenant_id, environment, job_id) where job_id is not null;

-- An erasure finds the open links that were made for the subject's reference by the hash that its row has of it. Empty: for nobody's; null: the link is from before
-- this, or can not be used any more.
alter table capture add column ref_hash bytea check (length(ref_hash) in (0, 32));
create index capture_of_ref on capture (ref_hash, tenant_id, environment) where state = 'open';
grant update (ref_hash) on capture to ekyc_service, ekyc_system;

-- +goose Down
drop index capture_of_ref;
alter table capture drop column ref_hash;
drop index capture_of_job;
