package receipt_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/keyring"
	"ekyc/internal/receipt"
	"ekyc/internal/store/storetest"
)

func TestTheFirstUsesOfAllProcessesMakeOneKey(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	subject := b.subject()
	jobs := make([]ekyc.ID, 50)
	together(len(jobs), func(i int) {
		f := facts(subject)
		jobs[i] = f.Job
		if err := b.tryIssue(b.processes[i%2], f); err != nil {
			t.Error(err)
		}
	})
	if set := b.published(); len(set.Keys) != 1 {
		t.Fatalf("%d keys", len(set.Keys))
	}
	for _, job := range jobs {
		b.verify(b.get(job, 0, false))
	}
}

// Receipts are issued while the key is rotated over and over: each is by the key of its moment, and none by one after its end.
func TestRotationKeepsEveryReceiptVerifiable(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	subject := b.subject()
	const rotations, issuers, each = 8, 4, 12
	jobs := make([]ekyc.ID, issuers*each)
	var rotated atomic.Int64
	together(issuers+1, func(i int) {
		if i == issuers {
			for range rotations {
				if _, err := b.processes[1].Rotate(context.Background()); err != nil {
					t.Error(err)
				}
				rotated.Add(1)
			}
			return
		}
		for j := range each {
			f := facts(subject)
			jobs[i*each+j] = f.Job
			if err := b.tryIssue(b.processes[i%2], f); err != nil {
				t.Error(err)
			}
		}
	})
	set := b.published()
	if n := len(set.Keys); n < rotations || n > rotations+1 { // the first use may have come before
		t.Errorf("%d keys after %d rotations", n, rotated.Load())
	}
	current := 0
	for i, k := range set.Keys {
		if k.ValidUntil == nil {
			current++
			if i != 0 {
				t.Error("the current key does not come first")
			}
		}
	}
	if current != 1 {
		t.Errorf("%d current keys", current)
	}
	for _, job := range jobs {
		b.verify(b.get(job, 0, false))
	}
}

func TestAKeyVerifiesOnlyWhatItSignedInItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	text := b.get(f.Job, 0, false)
	issued := b.verify(text).IssuedAt
	if _, err := b.processes[0].Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.verify(text) // the older key stays published
	set := b.published()
	for i := range set.Keys {
		at := issued.Add(-time.Microsecond)
		set.Keys[i].ValidUntil = &at
	}
	_, err := receipt.Verify(text, set, false)
	wantReason(t, "after its end", err, receipt.ReasonKeyTime)
	_, err = receipt.Verify(text, receipt.KeySet{Keys: set.Keys[:1]}, false)
	wantReason(t, "by the next key alone", err, receipt.ReasonKeyUnknown)
}

// A clock that was fast when the key was made, and is right now, neither makes receipts that do not verify nor stops the rotation.
func TestAClockThatIsSetBackSpoilsNoReceipt(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	b.published()
	if _, err := storetest.Owner(t, b.url).Exec(t.Context(), "update ekyc.receipt_key set created_at = now() + interval '1 hour'"); err != nil {
		t.Fatal(err)
	}
	before, after := facts(b.subject()), facts(b.subject())
	b.issue(before)
	b.verify(b.get(before.Job, 0, false))
	if _, err := b.processes[1].Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.issue(after)
	for _, job := range []ekyc.ID{before.Job, after.Job} {
		b.verify(b.get(job, 0, false))
	}
}

func TestThePrivateKeyIsSealed(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	owner := storetest.Owner(t, b.url)
	var id string
	var public, sealed []byte
	if err := owner.QueryRow(t.Context(), "select id, public_key, sealed from ekyc.receipt_key").Scan(&id, &public, &sealed); err != nil {
		t.Fatal(err)
	}
	for at := range len(sealed) - ed25519.SeedSize {
		if bytes.Equal(ed25519.NewKeyFromSeed(sealed[at:at+ed25519.SeedSize]).Public().(ed25519.PublicKey), public) {
			t.Fatal("the seed stands in the table")
		}
	}
	other, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := b.processes[0]
	strange := process{receipt.New(p.db, p.vault, other, receipt.Options{}), p.db, p.vault}
	wantCode(t, "with another root key", b.tryIssue(strange, facts(f.Subject)), ekyc.ErrInternal)

	// A key that was put under the name of another does not sign.
	strange.Service = receipt.New(p.db, p.vault, plain{}, receipt.Options{})
	if _, err := owner.Exec(t.Context(), "update ekyc.receipt_key set sealed = $1", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "with an exchanged key", b.tryIssue(strange, facts(f.Subject)), ekyc.ErrInternal)
	if err := p.db.InTenant(t.Context(), b.scope, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update receipt set body = '{}'")
		return err
	}); err == nil {
		t.Error("the service can change a receipt")
	}
}

// plain seals nothing.
type plain struct{}

func (plain) Seal(_ string, b []byte) ([]byte, error) { return b, nil }
func (plain) Open(_ string, b []byte) ([]byte, error) { return b, nil }

// TestThumbprint is RFC 8037, appendix A.3.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	set, err := receipt.ParseKeys([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil || len(set.Keys) != 1 || set.Keys[0].ID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestKeysInEveryForm(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	text, set := b.get(f.Job, 0, false), b.published()
	public, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(public))
	if err != nil {
		t.Fatal(err)
	}
	k := set.Keys[0]
	for form, keys := range map[string]string{
		"PEM": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"key": fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, k.X),
		"set": fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q,"kid":%q}]}`, k.X, k.ID),
	} {
		parsed, err := receipt.ParseKeys([]byte(asEdited(keys)))
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if _, err := receipt.Verify(text, parsed, false); err != nil {
			t.Errorf("%s: %v", form, err)
		}
	}
	for what, keys := range map[string]string{
		"nothing": "", "no keys": `{"keys":[]}`, "another curve": fmt.Sprintf(`{"kty":"OKP","crv":"X25519","x":%q}`, k.X), "no key": `{"a":1}`, "an array": `[]`,
		"a short key": `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`, "under another name": fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}`, k.X),
		"hex": hex.EncodeToString(public), "a broken PEM": "-----BEGIN PUBLIC KEY-----\nAAAA", "another PEM": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der[:20]})),
	} {
		if _, err := receipt.ParseKeys([]byte(keys)); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// asEdited is a text as an editor leaves it.
func asEdited(text string) string { return "\n" + text + "\n" }
