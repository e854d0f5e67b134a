-- +goose Up
-- Keys of scopes change: by rotation they get newer ones beside the older, and all keys are sealed anew when what seals them has changed. Only
-- commands do that, as the system role; a subject's key is never put back where it was destroyed, since this role may not insert any.
alter table ekyc_keys.tenant_key add column rotated_at timestamptz; -- null: never
grant update (wrapping, sealing, hashing, rotated_at) on ekyc_keys.tenant_key to ekyc_system;
grant update (wrapped) on ekyc_keys.subject_key to ekyc_system;
