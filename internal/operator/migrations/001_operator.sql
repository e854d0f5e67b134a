-- +goose Up
-- Accounts of those who run the platform. Only the system role sees them; requests of tenants have no business here.
create table operator (
  id             text collate "C" primary key check (id like 'opr\_%'),
  email_hash     bytea not null unique check (length(email_hash) >= 32), -- keyed: finds an account, and tells nothing
  email          bytea not null, -- sealed
  password       text not null check (password like '$argon2id$%'),
  role           text not null check (role in ('owner', 'operator', 'viewer')),
  totp           bytea, -- sealed; null: no one-time codes
  totp_pending   bytea, -- sealed; enrolled and not confirmed yet
  totp_last_step bigint not null default 0, -- of the last code that was taken: none is taken twice
  failures       integer not null default 0 check (failures >= 0), -- log-ins since the last success
  locked_until   timestamptz,
  disabled_at    timestamptz,
  created_at     timestamptz not null default now(),
  last_login_at  timestamptz
);

create table operator_session (
  token_hash   bytea primary key check (length(token_hash) = 32), -- SHA-256 of 256 random bits
  operator_id  text collate "C" not null references operator (id),
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null check (expires_at > created_at),
  last_seen_at timestamptz not null default now()
);
create index operator_session_operator on operator_session (operator_id);
create index operator_session_expires on operator_session (expires_at);

grant select, insert, update on operator to ekyc_system;
grant select, insert, delete on operator_session to ekyc_system;
grant update (last_seen_at) on operator_session to ekyc_system;
