-- +goose Up
grant delete on challenge to ekyc_service;

-- +goose Down
revoke delete on challenge from ekyc_service;
