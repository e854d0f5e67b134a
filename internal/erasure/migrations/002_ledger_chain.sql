-- +goose Up
-- Where the chain of the ledger ends, as this database knows it, and what was there before there was a chain. A restored database learns the first of the
-- ledger itself.
create table erasure_ledger (
  single boolean primary key default true check (single), -- there is one row
  number bigint not null default 0 check (number >= 0),   -- of the last entry
  name   text collate "C" not null default '',            -- of its file
  mac    text collate "C" not null default '',
  writing text collate "C",                               -- the file that is being written
  earlier bigint check (earlier >= 0),                    -- how many files there were before; null: nobody has looked
  earlier_names text collate "C" not null default ''      -- SHA-256 of their names
);
insert into erasure_ledger default values;
grant select, update on erasure_ledger to ekyc_system;

-- +goose Down
drop table erasure_ledger;
