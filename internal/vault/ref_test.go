package vault_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

// One reference in the composed and the decomposed form of Unicode.
const (
	composed   = "Zo\u00eb-7"
	decomposed = "Zoe\u0308-7"
)

// find gives the subject of a reference; "" where there is none.
func (b *bundle) find(ref string) (id ekyc.ID) {
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, _, err = b.SubjectByRef(ctx, tx, b.scope, ref)
		return err
	})
	return id
}

func (b *bundle) ensure(ref string) (id ekyc.ID) {
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		id, _, err = b.EnsureSubject(ctx, tx, b.scope, ref)
		return err
	})
	return id
}

// TestSpellingsOfAReferenceAreOneSubjects: however Unicode writes it.
func TestSpellingsOfAReferenceAreOneSubjects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.subject(decomposed)
	if again := b.ensure(composed); again != made || b.find(composed) != made || b.find(decomposed) != made {
		t.Errorf("the subject %s is %s, %q and %q", made, again, b.find(composed), b.find(decomposed))
	}
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		s, err := b.GetSubject(ctx, tx, b.scope, made)
		if s.Ref != composed {
			t.Errorf("it is kept as %q", s.Ref)
		}
		if err != nil {
			return err
		}
		_, err = b.CreateSubject(ctx, tx, b.scope, composed)
		return err
	})
	wantCode(t, "a second subject", err, ekyc.ErrConflict)
}

// TestReferencesFromBeforeAreFound: rows whose hash is that of another spelling, and what is hashed to be found with them.
func TestReferencesFromBeforeAreFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.subject(composed)
	var before []byte
	b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
		before, err = b.Hash(ctx, tx, b.scope, "subject/ref", decomposed)
		return err
	})
	b.owner(`update ekyc.subject set ref_hash = $1 where id = $2`, before, old)
	for _, ref := range []string{composed, decomposed} {
		if found, ensured := b.find(ref), b.ensure(ref); found != old || ensured != old {
			t.Errorf("%q is found as %q and ensured as %s, not %s", ref, found, ensured, old)
		}
		err := b.in(func(ctx context.Context, tx pgx.Tx) error {
			hash, err := b.RefHash(ctx, tx, b.scope, ref)
			if !bytes.Equal(hash, before) {
				t.Errorf("the hash of %q is not that of its subject", ref)
			}
			if err != nil {
				return err
			}
			_, err = b.CreateSubject(ctx, tx, b.scope, ref)
			return err
		})
		wantCode(t, "a second subject of "+ref, err, ekyc.ErrConflict)
	}
	if n := b.count("ekyc.subject"); n != 1 {
		t.Errorf("%d subjects", n)
	}
}

func TestWhatIsNoReferenceIsRefused(t *testing.T) {
	t.Parallel()
	for what, ref := range map[string]string{
		"a line's end": "a\nb", "a null character": "a\x00", "a control of C1": "a\u0085", "no Unicode": "a\xff", "201 characters": strings.Repeat("\u00eb", 201),
		"what normalises to 201": strings.Repeat("e\u0308", 201),
	} {
		_, err := vault.NormalRef(ref)
		wantCode(t, what, err, ekyc.ErrInvalidArgument)
	}
	if ref, err := vault.NormalRef(strings.Repeat("e\u0308", 200)); err != nil || ref != strings.Repeat("\u00eb", 200) {
		t.Errorf("%q, %v", ref, err)
	}
}

// TestEachSubjectIsKeptByItsOwnSpelling: two subjects of one reference may be there from before.
func TestEachSubjectIsKeptByItsOwnSpelling(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for subject, spelling := range map[ekyc.ID]string{b.subject("one"): composed, b.subject("other"): decomposed} {
		var want, got []byte
		b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
			want, err = b.Hash(ctx, tx, b.scope, "subject/ref", spelling)
			return err
		})
		b.owner(`update ekyc.subject set ref_hash = $1 where id = $2`, want, subject)
		b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
			got, err = b.KeptBy(ctx, tx, b.scope, subject)
			return err
		})
		if !bytes.Equal(got, want) {
			t.Errorf("the subject of %q is not kept by its hash", spelling)
		}
	}
}
