-- +goose Up

-- An erasure is also written into a ledger outside of the database, which no restore takes back. Until that is done the row says so.
alter table subject add column ledgered_at timestamptz;
create index subject_unledgered on subject (erased_at) where erased_at is not null and ledgered_at is null;
grant update (ledgered_at) on subject to ekyc_system;

-- +goose Down
drop index subject_unledgered;
alter table subject drop column ledgered_at;
