-- +goose Up
-- Whether limits may have changed since thresholds were last held against them, or something was used under another one, and the limit that was held then; null: none yet, the largest bigint: unlimited.
alter table quota_usage add column relimited boolean not null default false, add column limit_seen bigint;
create index quota_usage_relimited on quota_usage (tenant_id, environment) where relimited;

-- +goose Down
drop index quota_usage_relimited;
alter table quota_usage drop column limit_seen, drop column relimited;
