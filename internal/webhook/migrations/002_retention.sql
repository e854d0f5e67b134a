-- +goose Up
grant update (drop_at) on webhook_event to ekyc_service;
create index webhook_event_to_limit on webhook_event (tenant_id, environment, drop_at) where body is not null and subject_id <> '';

-- +goose Down
drop index webhook_event_to_limit;
revoke update (drop_at) on webhook_event from ekyc_service;
