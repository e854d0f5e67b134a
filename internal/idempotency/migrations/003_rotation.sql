-- +goose Up
-- What the tenant's former keys have sealed is sealed anew.
grant update (answer) on idempotency to ekyc_system;
