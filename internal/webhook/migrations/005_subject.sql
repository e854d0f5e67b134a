-- +goose Up

-- To whom something was told of a subject, whether what was told is still held or not.
create index webhook_event_about_subject on webhook_event (tenant_id, environment, subject_id) where subject_id <> '';

-- +goose Down
drop index webhook_event_about_subject;
