-- +goose Up
-- Whether limits may have changed since thresholds were last held against them, and the limit that was held then, or the least that was told since; null: unlimited.
alter table quota_usage add column relimited boolean not null default false, add column limit_seen bigint;
alter table quota_usage no force row level security; -- forced, it hides every row from who migrates
update quota_usage set limit_seen = 0 where crossed_80 or crossed_100; -- under which is not known: nothing of it is told again
alter table quota_usage force row level security;
create index quota_usage_relimited on quota_usage (tenant_id, environment) where relimited;

-- +goose Down
drop index quota_usage_relimited;
alter table quota_usage drop column limit_seen, drop column relimited;
