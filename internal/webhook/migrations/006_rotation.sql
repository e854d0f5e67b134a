-- +goose Up
-- What the tenant's former keys have sealed is sealed anew.
grant update (url, description) on webhook_endpoint to ekyc_system;
