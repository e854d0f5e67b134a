-- +goose Up
alter table operator add column password_expires_at timestamptz; -- of a password that the program made; null: one that was chosen

-- What an operator is told of the own sessions: a name that opens nothing, and whence the log-in came, which is no address.
alter table operator_session
  add column id     uuid not null unique default gen_random_uuid(),
  add column origin text check (origin in ('loopback', 'private', 'public')); -- null: opened by a process of before
