package vault_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/vault"
)

func TestConcurrentCallsMakeOneSubjectOfARef(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const calls = 50
	ids := make([]ekyc.ID, calls)
	var makers atomic.Int64
	together(calls, func(i int) {
		var made bool
		err := b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
			ids[i], made, err = b.EnsureSubject(ctx, tx, b.scope, "ref-1")
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if made {
			makers.Add(1)
		}
	})
	if n := makers.Load(); n != 1 {
		t.Errorf("%d made it", n)
	}
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("subjects %s and %s", ids[0], id)
		}
	}
	var made atomic.Int64
	together(calls, func(int) {
		err := b.in(func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.CreateSubject(ctx, tx, b.scope, "ref-2")
			return err
		})
		if err == nil {
			made.Add(1)
		} else {
			wantCode(t, "a second subject of a ref", err, ekyc.ErrConflict)
		}
	})
	if made.Load() != 1 || b.count("ekyc.subject") != 2 || b.count("ekyc_keys.subject_key") != 2 {
		t.Errorf("%d were made, %d rows, %d keys", made.Load(), b.count("ekyc.subject"), b.count("ekyc_keys.subject_key"))
	}
	if a, c := b.subject(""), b.subject(""); a == c {
		t.Error("two subjects without a ref are one")
	}
}

func TestErasureDestroysEverythingButTheRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	elsewhere := b.another(b.open(), vault.Options{}) // another process, which has used the key before
	subject, bystander := b.subject("ref-1"), b.subject("ref-2")
	sealed, kept := b.seal(subject, "o", "secret"), b.seal(bystander, "o", "secret")
	open := func(v *vault.Vault, subject ekyc.ID, sealed []byte) error {
		return b.in(func(ctx context.Context, tx pgx.Tx) error {
			_, err := v.Open(ctx, tx, b.scope, subject, "o", sealed)
			return err
		})
	}
	if err := open(elsewhere, subject, sealed); err != nil {
		t.Fatal(err)
	}
	media := b.put(vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("x")})
	b.must(func(ctx context.Context, tx pgx.Tx) error { return b.SetReference(ctx, tx, b.scope, subject, media) })
	others := b.put(vault.MediaInput{Subject: bystander, Kind: vault.MediaReference, Data: []byte("x")})

	erase := func() (blobs []string, err error) {
		err = b.in(func(ctx context.Context, tx pgx.Tx) (err error) {
			blobs, err = b.EraseSubject(ctx, tx, b.scope, subject)
			return err
		})
		return blobs, err
	}
	blobs, err := erase()
	if err != nil || len(blobs) != 1 {
		t.Fatalf("files %v, %v", blobs, err)
	}
	if err := b.DeleteBlobs(t.Context(), blobs); err != nil || len(b.files()) != 1 {
		t.Errorf("files %v, %v", b.files(), err)
	}
	_, err = erase()
	wantCode(t, "erase again", err, ekyc.ErrGone)
	wantCode(t, "open", open(b.Vault, subject, sealed), ekyc.ErrGone)
	wantCode(t, "open elsewhere", open(elsewhere, subject, sealed), ekyc.ErrGone)
	_, _, err = b.ReadMedia(t.Context(), b.scope, media)
	wantCode(t, "read media", err, ekyc.ErrNotFound)
	for name, f := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"seal": func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.Seal(ctx, tx, b.scope, subject, "o", nil)
			return err
		},
		"get": func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.GetSubject(ctx, tx, b.scope, subject)
			return err
		},
		"put media": func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaSelfie, Data: []byte("x")})
			return err
		},
		"set reference": func(ctx context.Context, tx pgx.Tx) error { return b.SetReference(ctx, tx, b.scope, subject, media) },
	} {
		wantCode(t, name, b.in(f), ekyc.ErrGone)
	}
	if n := b.count("ekyc_keys.subject_key where subject_id = $1", subject); n != 0 {
		t.Error("the key is still there")
	}
	if n := b.count("ekyc.subject where id = $1 and erased_at is not null and ref_hash is null and ref_sealed is null", subject); n != 1 {
		t.Error("the row is gone, or holds the ref")
	}
	if err := open(b.Vault, bystander, kept); err != nil {
		t.Errorf("another subject: %v", err)
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, others); err != nil {
		t.Errorf("another subject's media: %v", err)
	}
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		if _, found, err := b.SubjectByRef(ctx, tx, b.scope, "ref-1"); err != nil || found {
			t.Errorf("the ref is still found: %v", err)
		}
		again, _, err := b.EnsureSubject(ctx, tx, b.scope, "ref-1")
		if again == subject {
			t.Error("the ref leads to the erased subject")
		}
		return err
	})
}

func TestErasureFindsMediaThatAreBeingWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 10 {
		subject := b.subject("")
		together(6, func(i int) {
			if i == 0 {
				b.in(func(ctx context.Context, tx pgx.Tx) error {
					_, err := b.EraseSubject(ctx, tx, b.scope, subject)
					if err != nil {
						t.Error(err)
					}
					return err
				})
				return
			}
			err := b.in(func(ctx context.Context, tx pgx.Tx) error {
				_, err := b.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaFrame, Position: i, Data: []byte("x")})
				return err
			})
			if err != nil {
				wantCode(t, "put", err, ekyc.ErrGone)
			}
		})
		if n := b.count("ekyc.media where subject_id = $1", subject); n != 0 {
			t.Fatalf("%d media outlived their subject", n)
		}
	}
}

func TestErasuresAreReplayedOnRestoredKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, bystander := b.subject(""), b.subject("")
	sealed := b.seal(subject, "o", "secret")
	b.owner("create table backup as table ekyc_keys.subject_key")
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.EraseSubject(ctx, tx, b.scope, subject)
		return err
	})
	b.owner("insert into ekyc_keys.subject_key select * from backup on conflict do nothing")
	err := b.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.Open(ctx, tx, b.scope, subject, "o", sealed)
		return err
	})
	wantCode(t, "with the key restored", err, ekyc.ErrGone)
	if err := b.DestroyReturnedKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count("ekyc_keys.subject_key where subject_id = $1", subject); n != 0 {
		t.Error("the restored key is still there")
	}
	if n := b.count("ekyc_keys.subject_key where subject_id = $1", bystander); n != 1 {
		t.Error("another's key is gone")
	}
}

func TestSubjectsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = 7
	made := make([]ekyc.ID, n)
	for i := range n {
		made[i] = b.subject(fmt.Sprintf("ref-%d", i))
	}
	b.must(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.EraseSubject(ctx, tx, b.scope, made[2])
		return err
	})
	var listed []vault.Subject
	pages := 0
	for after := ekyc.ID(""); pages == 0 || after != ""; pages++ {
		b.must(func(ctx context.Context, tx pgx.Tx) error {
			page, next, err := b.ListSubjects(ctx, tx, b.scope, 3, after)
			listed, after = append(listed, page...), next
			return err
		})
	}
	if len(listed) != n || pages != 3 {
		t.Fatalf("%d subjects on %d pages", len(listed), pages)
	}
	for i, s := range listed {
		want := n - 1 - i
		ref := fmt.Sprintf("ref-%d", want)
		if want == 2 {
			ref = ""
		}
		if s.ID != made[want] || s.Ref != ref || (s.ErasedAt != nil) != (want == 2) || s.CreatedAt.IsZero() {
			t.Errorf("place %d: %+v", i, s)
		}
	}
}

func TestReferencePhotographs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject, other := b.subject("ref-1"), b.subject("ref-2")
	put := func(subject ekyc.ID, kind vault.MediaKind) ekyc.ID {
		return b.put(vault.MediaInput{Subject: subject, Kind: kind, Data: []byte("picture")})
	}
	set := func(subject, media ekyc.ID) error {
		return b.in(func(ctx context.Context, tx pgx.Tx) error { return b.SetReference(ctx, tx, b.scope, subject, media) })
	}
	first, second := put(subject, vault.MediaReference), put(subject, vault.MediaReference)
	wantCode(t, "another's", set(other, first), ekyc.ErrNotFound)
	wantCode(t, "a selfie", set(subject, put(subject, vault.MediaSelfie)), ekyc.ErrInvalidArgument)
	wantCode(t, "no such subject", set(ekyc.NewID(ekyc.KindSubject), first), ekyc.ErrNotFound)
	for _, media := range []ekyc.ID{first, first, second} {
		if err := set(subject, media); err != nil {
			t.Fatal(err)
		}
		b.must(func(ctx context.Context, tx pgx.Tx) error {
			s, err := b.GetSubject(ctx, tx, b.scope, subject)
			if err == nil && (s.Ref != "ref-1" || s.Reference == nil || s.Reference.ID != media || s.Reference.Size != 7 || s.Reference.Kind != vault.MediaReference) {
				t.Errorf("subject %+v, reference %+v", s, s.Reference)
			}
			return err
		})
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, first); ekyc.CodeOf(err) != ekyc.ErrNotFound {
		t.Errorf("the former reference: %v", err)
	}
	if _, _, err := b.ReadMedia(t.Context(), b.scope, second); err != nil {
		t.Error(err)
	}
}

// TestAHeldReferenceOutlastsItsReplacement: who is held keeps the photograph that another takes the place of, whoever holds, until nobody does any more.
func TestAHeldReferenceOutlastsItsReplacement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for who, hold := range map[string]struct {
		put, end func(ctx context.Context, tx pgx.Tx, subject ekyc.ID) error
	}{
		"the tenant": {
			func(ctx context.Context, tx pgx.Tx, subject ekyc.ID) error {
				_, _, err := b.PutHold(ctx, tx, b.scope, subject, vault.ByTenant, vault.Hold{Reason: "a dispute", KeyID: "ek_test"})
				return err
			},
			func(ctx context.Context, tx pgx.Tx, subject ekyc.ID) error {
				_, err := b.EndHold(ctx, tx, b.scope, subject, vault.ByTenant)
				return err
			},
		},
		"an operator": {
			func(ctx context.Context, tx pgx.Tx, subject ekyc.ID) error {
				_, _, err := b.PutHold(ctx, tx, b.scope, subject, vault.ByOperator, vault.Hold{Reason: "a court asks", KeyID: "opr_x"})
				return err
			},
			func(ctx context.Context, tx pgx.Tx, subject ekyc.ID) error {
				_, err := b.EndHold(ctx, tx, b.scope, subject, vault.ByOperator)
				return err
			},
		},
	} {
		subject := b.subject("")
		replace := func() (media ekyc.ID) {
			b.must(func(ctx context.Context, tx pgx.Tx) (err error) {
				media, err = b.PutMedia(ctx, tx, b.scope, vault.MediaInput{Subject: subject, Kind: vault.MediaReference, Data: []byte("face"), Kept: true})
				if err != nil {
					return err
				}
				former, err := b.ReplaceReference(ctx, tx, b.scope, subject, media)
				if len(former) != 0 {
					t.Errorf("%s holds, and files are to be removed: %v", who, former)
				}
				return err
			})
			return media
		}
		first := replace()
		b.must(func(ctx context.Context, tx pgx.Tx) error { return hold.put(ctx, tx, subject) })
		second, third := replace(), replace()
		for range 2 {
			for _, media := range []ekyc.ID{first, second, third} {
				if _, _, err := b.ReadMedia(t.Context(), b.scope, media); err != nil {
					t.Errorf("%s holds, and a photograph is gone: %v", who, err)
				}
			}
			if _, err := b.RemoveExpired(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
		}
		b.must(func(ctx context.Context, tx pgx.Tx) error { return hold.end(ctx, tx, subject) })
		removed, err := b.RemoveExpired(t.Context(), 10)
		if err != nil || len(removed) != 2 {
			t.Errorf("%s holds no more: %d are removed, %v", who, len(removed), err)
		}
		for _, media := range []ekyc.ID{first, second} {
			_, _, err := b.ReadMedia(t.Context(), b.scope, media)
			wantCode(t, "a former one that nobody holds", err, ekyc.ErrGone)
		}
		if _, _, err := b.ReadMedia(t.Context(), b.scope, third); err != nil {
			t.Errorf("the present one: %v", err)
		}
	}
}
