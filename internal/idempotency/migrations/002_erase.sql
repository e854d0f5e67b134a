-- +goose Up

-- An erasure takes the answers that were sealed under the subject's key; that they were given is remembered.
create index idempotency_of_subject on idempotency (tenant_id, environment, subject_id) where subject_id <> '';

-- +goose Down
drop index idempotency_of_subject;
