-- +goose Up
-- A template is made anew from its photograph when it is needed again, so it need not outlast its days.
alter table reference_template add column expires_at timestamptz;
alter table reference_template no force row level security; -- forced, it hides every row from who migrates
update reference_template set expires_at = made_at + interval '30 days';
alter table reference_template force row level security;
alter table reference_template alter column expires_at set not null;
alter table reference_template alter column expires_at set default now() + interval '30 days'; -- for processes of before that run beside newer ones
create index reference_template_expiry on reference_template (expires_at);
create index reference_template_to_limit on reference_template (tenant_id, environment, expires_at);
grant update (expires_at) on reference_template to ekyc_service;
grant select, delete, update (expires_at) on reference_template to ekyc_system; -- update: to lock rows while removing

-- +goose Down
revoke all on reference_template from ekyc_system;
alter table reference_template drop column expires_at;
