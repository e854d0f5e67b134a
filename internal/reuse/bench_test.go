package reuse_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/reuse"
)

// BenchmarkLook looks, and notes, in a transaction of its own, where so many verifications have brought a document, two pictures and a fingerprint each.
func BenchmarkLook(b *testing.B) {
	b.Run("among none", func(b *testing.B) { look(b, 0) })
	b.Run("among 100,000", func(b *testing.B) { look(b, 100_000) })
}

func look(b *testing.B, others int) {
	s := setup(b)
	subject := s.person(s.scope)
	for _, statement := range []string{
		`insert into ekyc.reuse_trace (tenant_id, environment, job_id, kind, position, subject_id, hash)
			select $1, $2, 'job_' || n, kind, 0, $3, sha256((n || kind)::bytea) from generate_series(1, $4) n, unnest(array['document', 'selfie', 'document_front']) kind`,
		`insert into ekyc.reuse_band (tenant_id, environment, job_id, kind, position, band, subject_id, hash)
			select $1, $2, 'job_' || n, 'selfie', 0, band, $3, substring(sha256((n || $3 || band)::bytea) for 16) from generate_series(1, $4) n, generate_series(0, 12) band`,
	} {
		if _, err := s.owner.Exec(b.Context(), statement, s.scope.Tenant, s.scope.Environment, string(subject), others); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	other := s.person(s.scope)
	for b.Loop() {
		f := randomly(r)
		in := reuse.Brought{Document: passport("L8989" + string(rune('A'+r.IntN(26))) + "2C3"), Images: []reuse.Image{selfie(string(f[:]), f), file("document_front", string(f[1:]))}}
		err := s.db.InTenant(b.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
			hashes, err := s.Hash(ctx, tx, s.scope, in)
			if err != nil {
				return err
			}
			if _, err := s.Look(ctx, tx, s.scope, other, hashes); err != nil {
				return err
			}
			return s.Keep(ctx, tx, s.scope, other, ekyc.NewID(ekyc.KindJob), hashes)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLookAgain looks where so many subjects have brought the very same picture, and where so many have brought one like it.
func BenchmarkLookAgain(b *testing.B) {
	for _, others := range []int{0, 10_000, 50_000} {
		b.Run(fmt.Sprintf("the same picture of %d", others), func(b *testing.B) { lookAgain(b, others, "face") })
		b.Run(fmt.Sprintf("one like that of %d", others), func(b *testing.B) { lookAgain(b, others, "another file") })
	}
}

func lookAgain(b *testing.B, others int, content string) {
	s := setup(b)
	f := randomly(rand.New(rand.NewPCG(2, 2)))
	s.crowd(others, selfie("face", f))
	hashes := s.hashes(reuse.Brought{Images: []reuse.Image{selfie(content, f)}})
	asking := s.person(s.scope)
	for b.Loop() {
		err := s.db.InTenant(b.Context(), s.scope, func(ctx context.Context, tx pgx.Tx) error {
			found, err := s.Look(ctx, tx, s.scope, asking, hashes)
			if found.Images != min(others, reuse.MostSubjects) && others > 0 {
				b.Errorf("%d others were found", found.Images)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
