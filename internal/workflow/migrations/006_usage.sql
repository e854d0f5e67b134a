-- +goose Up
-- The modules for which units were reserved, beside which an answer says what was billed. They outlive the reservation. Null: a job from before.
alter table job add column modules text[] collate "C";

-- +goose Down
alter table job drop column modules;
