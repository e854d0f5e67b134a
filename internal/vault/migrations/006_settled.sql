-- +goose Up
-- Since when nothing of a scope is under older keys than the newest. These are destroyed a minute later at the earliest.
alter table ekyc_keys.tenant_key add column settled_at timestamptz; -- null: something is, or nobody has looked
grant update (settled_at) on ekyc_keys.tenant_key to ekyc_system;
