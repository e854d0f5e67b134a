-- +goose Up
-- What the tenant's former keys have sealed is sealed anew.
grant update (consent) on capture to ekyc_system;
