-- +goose Up
-- Whose the pictures of a used link were, and under whose key its consent is sealed from then on; null for links that were used before.
alter table capture add column subject_id text collate "C", add check (subject_id is null or job_id is not null);
grant update (subject_id) on capture to ekyc_service;

-- +goose Down
alter table capture drop column subject_id;
