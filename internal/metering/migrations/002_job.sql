-- +goose Up

-- What a verification used.
create index usage_event_of_job on usage_event (tenant_id, environment, job_id) where job_id is not null;

-- +goose Down
drop index usage_event_of_job;
