package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"ekyc"
)

// BenchmarkAppend writes entries in transactions of their own, by as many writers as the pool has connections, while a sequencer works.
func BenchmarkAppend(b *testing.B) {
	s := setup(b)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	_, log := s.another()
	go log.Run(ctx)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			s.append(b.Context(), s.entry(i))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkAppendToAnAct adds an entry to a transaction that is there anyway: what an act pays for it.
func BenchmarkAppendToAnAct(b *testing.B) {
	s := setup(b)
	s.must(s.db.InTenant(b.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
		for i := 0; b.Loop(); i++ {
			if err := s.log.Append(ctx, tx, s.entry(i)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// BenchmarkSequence gives a full batch its places.
func BenchmarkSequence(b *testing.B) {
	s := setup(b)
	for b.Loop() {
		b.StopTimer()
		s.must(s.db.InTenant(b.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
			for i := range batch {
				if err := s.log.Append(ctx, tx, s.entry(i)); err != nil {
					return err
				}
			}
			return nil
		}))
		b.StartTimer()
		if n, err := s.log.Sequence(b.Context()); n != batch || err != nil {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "entries/s")
}

// million writes a log of that many entries straight into the tables, as the sequencer would leave it.
func (b *bundle) million(entries int64) {
	b.t.Helper()
	ctx := context.Background()
	key := b.key()
	now := time.Now().UTC().Truncate(time.Microsecond)
	var t tree
	at := int64(-1)
	columns := []string{"id", "record", "at", "leaf_index", "sequenced_at"}
	_, err := b.owner.CopyFrom(ctx, pgx.Identifier{"audit_entry"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if at++; at == entries {
			return nil, nil
		}
		r := Record{Version: recordVersion, ID: ekyc.NewID(KindEntry), At: now.Format(timeForm), Tenant: b.scope.Tenant, Environment: b.scope.Environment, Actor: ActorKey,
			ActorID: "ek_live_eu1_1", Action: MediaRead, Outcome: Success, Details: Details{Units: fmt.Sprint(at)}, Nonce: strings.Repeat("0", 32)}
		text := r.text()
		return []any{r.ID, text, now, at, now}, t.add(at, leafOf([]byte(text)))
	}))
	b.must(err)
	position := -1
	_, err = b.owner.CopyFrom(ctx, pgx.Identifier{"audit_hash"}, []string{"position", "hash"}, pgx.CopyFromFunc(func() ([]any, error) {
		if position++; position == len(t.hashes) {
			return nil, nil
		}
		return []any{position, t.hashes[position][:]}, nil
	}))
	b.must(err)
	root, err := tlog.TreeHash(entries, &t)
	b.must(err)
	b.must(b.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return insertCheckpoint(ctx, tx, entries, root, checkpointText(key.signer.Name(), entries, root), key.signer)
	}))
	b.exec(`analyze audit_entry, audit_hash`)
}

// BenchmarkProofsAtAMillion looks up proofs and entries by chance in a log of a million.
func BenchmarkProofsAtAMillion(b *testing.B) {
	const entries = 1_000_000
	s := setup(b)
	start := time.Now()
	s.million(entries)
	b.Logf("%d entries were made in %s; they take %d MB, their hashes %d MB", entries, time.Since(start).Round(time.Second),
		s.number(`select pg_total_relation_size('audit_entry') >> 20`), s.number(`select pg_total_relation_size('audit_hash') >> 20`))
	c, err := s.log.Checkpoint(b.Context())
	s.must(err)
	b.Run("inclusion", func(b *testing.B) {
		for b.Loop() {
			index := rand.Int64N(entries)
			p, err := s.log.Inclusion(b.Context(), s.scope, index, entries)
			s.must(err)
			s.must(tlog.CheckRecord(p.Hashes, entries, c.Root, index, p.Leaf))
		}
	})
	b.Run("consistency", func(b *testing.B) {
		for b.Loop() {
			_, _, err := s.log.Consistency(b.Context(), 1+rand.Int64N(entries), entries)
			s.must(err)
		}
	})
	b.Run("checkpoint", func(b *testing.B) {
		for b.Loop() {
			_, err := s.log.Checkpoint(b.Context())
			s.must(err)
		}
	})
	b.Run("page of 100", func(b *testing.B) {
		for b.Loop() {
			if n := len(s.all(s.scope, Filter{Limit: 100})); n != 100 {
				b.Fatal(n)
			}
		}
	})
	few := newScope()
	s.append(b.Context(), Entry{Action: KeyCreate, Scope: few})
	b.Run("page of a tenant with one entry", func(b *testing.B) {
		for b.Loop() {
			if n := len(s.all(few, Filter{})); n != 1 {
				b.Fatal(n)
			}
		}
	})
	b.Run("the same for operators", func(b *testing.B) {
		for b.Loop() {
			if n := len(s.all(ekyc.Scope{}, Filter{Tenant: few.Tenant})); n != 1 {
				b.Fatal(n)
			}
		}
	})
	b.Run("next batch", func(b *testing.B) { // a tree that is large does not slow the sequencer
		for b.Loop() {
			s.append(b.Context(), s.entry(0))
			_, err := s.log.Sequence(b.Context())
			s.must(err)
		}
	})
}

// BenchmarkVerify examines an export of 10,000 entries.
func BenchmarkVerify(b *testing.B) {
	s := setup(b)
	s.million(10_000)
	folder, err := OpenFolder(b.TempDir())
	s.must(err)
	_, err = s.log.Export(b.Context(), folder, ExportOptions{})
	s.must(err)
	_, content, err := folder.Last(b.Context())
	s.must(err)
	for b.Loop() {
		e := examination{reached: true, whole: true}
		if e.segment(segmentName(0), content); len(e.report.Problems) > 0 {
			b.Fatal(e.report.Problems)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
