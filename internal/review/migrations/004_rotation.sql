-- +goose Up
-- What the tenant's former keys have sealed is sealed anew.
grant update (reviewer) on review_act to ekyc_system;
