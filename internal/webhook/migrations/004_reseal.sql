-- +goose Up
-- What is sealed under the root key is sealed anew when that key is rotated.
grant update (sealed) on webhook_secret to ekyc_system;
