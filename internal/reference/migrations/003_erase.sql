-- +goose Up
grant delete on reference_template to ekyc_service;

-- +goose Down
revoke delete on reference_template from ekyc_service;
