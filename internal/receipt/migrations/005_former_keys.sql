-- +goose Up
-- The private half of a key that has ended is destroyed: nobody signs anything of its time any more.
alter table receipt_key alter column sealed drop not null;
update receipt_key set sealed = null where retired_at is not null;
alter table receipt_key add constraint receipt_key_private check ((sealed is not null) = (retired_at is null));
