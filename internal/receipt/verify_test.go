package receipt_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/receipt"
)

// TestAnyEditOfAReceiptIsFound flips a byte, puts one in, takes one out, and exchanges two, a thousand times, anywhere in the document.
func TestAnyEditOfAReceiptIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	text, keys := b.get(f.Job, 0, false), b.published()
	if _, err := receipt.Verify(text, keys, false); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 8785))
	for i := range 1000 {
		edited := bytes.Clone(text)
		at := r.IntN(len(edited))
		switch i % 4 {
		case 0, 1:
			edited[at] ^= byte(1 + r.IntN(255))
		case 2:
			edited = append(append(bytes.Clone(edited[:at]), byte('0'+r.IntN(75))), edited[at:]...)
		case 3:
			edited = append(edited[:at], edited[at+1:]...)
		}
		if v, err := receipt.Verify(edited, keys, false); err == nil {
			t.Fatalf("edit %d at byte %d verifies: %.60q became %.60q; %+v", i, at, text[max(0, at-20):], edited[max(0, at-20):], v.Receipt)
		} else if ekyc.CodeOf(err) != ekyc.ErrReceiptInvalid {
			t.Fatalf("edit %d: %v", i, err)
		}
	}
}

// Every bit of the signature counts, and of the key.
func TestAnyBitOfTheSignatureCounts(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	text, keys := b.get(f.Job, 0, false), b.published()
	var d map[string]json.RawMessage
	var encoded string
	if json.Unmarshal(text, &d) != nil || json.Unmarshal(d["signature"], &encoded) != nil {
		t.Fatal("not the form of receipts")
	}
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(signature) * 8 {
		signature[bit/8] ^= 1 << (bit % 8)
		edited := bytes.Replace(text, []byte(encoded), []byte(base64.StdEncoding.EncodeToString(signature)), 1)
		_, err := receipt.Verify(edited, keys, false)
		wantReason(t, "another signature", err, receipt.ReasonSignature)
		signature[bit/8] ^= 1 << (bit % 8)
	}
	// Another spelling of the same bytes is another document: the last digit has four bits that no byte needs.
	last := len(encoded) - 3
	digits := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	other := digits[strings.IndexByte(digits, encoded[last])^1]
	_, err = receipt.Verify(bytes.Replace(text, []byte(encoded), []byte(encoded[:last]+string(other)+"=="), 1), keys, false)
	wantReason(t, "another spelling", err, receipt.ReasonSignature)
}

func TestReformattedReceipts(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, b.get(f.Job, 0, true), "", "  "); err != nil {
		t.Fatal(err)
	}
	_, err := receipt.Verify(pretty.Bytes(), b.published(), false)
	wantReason(t, "as it stands", err, receipt.ReasonNotCanonical)
	v, err := receipt.Verify(pretty.Bytes(), b.published(), true)
	if err != nil || v.CheckInput("selfie", 0, selfie) != nil {
		t.Errorf("in its canonical form: %v", err)
	}
	_, err = receipt.Verify(bytes.Replace(pretty.Bytes(), []byte("86.5"), []byte("86.4"), 1), b.published(), true)
	wantReason(t, "and altered", err, receipt.ReasonSignature)
}

func TestWhatIsNoReceiptIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	whole := string(b.get(f.Job, 0, true))
	replace := func(old, new string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("%s is not in %s", old, whole)
		}
		return strings.Replace(whole, old, new, 1)
	}
	for _, c := range []struct{ what, text, reason string }{
		{"nothing", "", receipt.ReasonMalformed},
		{"no object", "[]", receipt.ReasonMalformed},
		{"no receipt", `{"signature":"","key_id":""}`, receipt.ReasonMalformed},
		{"null", `{"receipt":null,"signature":"","key_id":""}`, receipt.ReasonVersion},
		{"another member", replace(`"openings"`, `"opening"`), receipt.ReasonMalformed},
		{"a member twice", replace(`{"receipt"`, `{"key_id":"a","receipt"`), receipt.ReasonMalformed},
		{"another version", replace("ekyc-receipt-1", "ekyc-receipt-2"), receipt.ReasonVersion},
		{"another key in the document", replace(`"key_id":"`, `"key_id":"A`), receipt.ReasonMalformed},
		{"a salt in capitals", replace(`"0001020304050607`, `"000102030405060A`), receipt.ReasonMalformed},
		{"too large", whole + strings.Repeat(" ", receipt.LongestDocument), receipt.ReasonMalformed},
		{"deep", strings.Repeat(`{"receipt":`, 100_000), receipt.ReasonMalformed},
	} {
		_, err := receipt.Verify([]byte(c.text), b.published(), false)
		wantReason(t, c.what, err, c.reason)
	}
}

// TestAnotherLanguageAgrees verifies a receipt by a script that knows the documentation and nothing of this package.
func TestAnotherLanguageAgrees(t *testing.T) {
	t.Parallel()
	b := setup(t, receipt.Options{})
	f := facts(b.subject())
	b.issue(f)
	b.amend(receipt.Amendment{Job: f.Job, Decision: ekyc.Accepted, DecidedAt: time.Now(), Review: receipt.Review{ID: ekyc.NewID(ekyc.KindReview), ReasonCode: "identity_confirmed", Reviewers: 1}})
	directory := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	set, err := json.Marshal(b.published())
	if err != nil {
		t.Fatal(err)
	}
	keys, photo := file("keys.json", set), file("selfie.jpg", selfie)
	for _, sequence := range []int{1, 2} {
		whole := b.get(f.Job, sequence, true)
		out, err := exec.Command("node", "testdata/check.js", file("receipt.json", whole), keys, photo, file("result.json", result)).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "verified" {
			t.Errorf("receipt %d: %v: %s", sequence, err, out)
		}
		for what, altered := range map[string][]byte{
			"score": bytes.Replace(whole, []byte(`"score":86.5`), []byte(`"score":86.6`), 1), "salt": bytes.Replace(whole, []byte("00010203"), []byte("00010204"), 1),
		} {
			if out, err := exec.Command("node", "testdata/check.js", file("altered.json", altered), keys, photo, file("result.json", result)).CombinedOutput(); err == nil {
				t.Errorf("an altered %s of receipt %d is accepted: %s", what, sequence, out)
			}
		}
	}
}
