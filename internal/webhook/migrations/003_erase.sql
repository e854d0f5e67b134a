-- +goose Up

-- An erasure takes what events of the subject carried; what is still to be delivered goes on in its thin form, which is the tenant's own.
create index webhook_event_of_subject on webhook_event (tenant_id, environment, subject_id) where subject_id <> '' and body is not null;
grant update (subject_id, body, thin_body) on webhook_event to ekyc_service;
grant update (answer) on webhook_attempt to ekyc_service;

-- +goose Down
revoke update (answer) on webhook_attempt from ekyc_service;
revoke update (subject_id, body, thin_body) on webhook_event from ekyc_service;
drop index webhook_event_of_subject;
