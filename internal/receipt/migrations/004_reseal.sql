-- +goose Up
-- What is sealed under the root key is sealed anew when that key is rotated.
grant update (sealed) on receipt_key to ekyc_system;
