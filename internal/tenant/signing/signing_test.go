package signing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "compute vectors.json anew from the requests that it holds")

func TestVectors(t *testing.T) {
	vectors := Vectors()
	if *update {
		for i := range vectors {
			vectors[i] = vectors[i].complete()
		}
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := errors.Join(encoder.Encode(vectors), os.WriteFile("vectors.json", out.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, v := range vectors {
		if seen[v.Name] || seen[v.Signature] {
			t.Errorf("%s stands twice", v.Name)
		}
		seen[v.Name], seen[v.Signature] = true, true
		want := v.complete()
		if v.BodyHash != want.BodyHash || v.Canonical != want.Canonical || v.Signature != want.Signature {
			t.Errorf("%s: got %+v", v.Name, want)
		}
		if !Verify(v.Secret, v.Signature, v.Timestamp, v.Method, v.Target, sha256.Sum256(v.Body)) {
			t.Errorf("%s does not verify", v.Name)
		}
		if _, err := Parse("ek_test_eu1_0", v.Timestamp, v.Signature); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	if len(vectors) < 24 {
		t.Errorf("%d vectors", len(vectors))
	}
}

// The other languages' scripts know the contract and nothing of this package.
func TestOtherLanguagesAgree(t *testing.T) {
	t.Parallel()
	altered := bytes.Replace(VectorsJSON, []byte(`"signature": "`+Vectors()[7].Signature[:4]), []byte(`"signature": "zzzz`), 1)
	wrong := t.TempDir() + "/vectors.json"
	if err := os.WriteFile(wrong, altered, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"python3", "testdata/check.py"}, {"node", "testdata/check.js"}} {
		out, err := exec.Command(command[0], append(command[1:], "vectors.json")...).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != strconv.Itoa(len(Vectors())) {
			t.Errorf("%s: %v: %s", command[0], err, out)
		}
		if out, err := exec.Command(command[0], append(command[1:], wrong)...).CombinedOutput(); err == nil {
			t.Errorf("%s accepts an altered vector: %s", command[0], out)
		}
	}
}

// Whatever is changed about a request, the signature does not fit any more.
func TestASignatureFitsOneRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(1, 50, 80).Draw(t, "secret")
		part := rapid.StringMatching(`[ -~]{0,20}`)
		request := []string{part.Draw(t, "timestamp"), part.Draw(t, "method"), part.Draw(t, "target"), string(rapid.SliceOf(rapid.Byte()).Draw(t, "body"))}
		signature := Sign(secret, request[0], request[1], request[2], sha256.Sum256([]byte(request[3])))
		verify := func(secret string, r []string) bool {
			return Verify(secret, signature, r[0], r[1], r[2], sha256.Sum256([]byte(r[3])))
		}
		if !verify(secret, request) {
			t.Fatal("the request does not verify")
		}
		i := rapid.IntRange(0, 3).Draw(t, "which")
		changed := append([]string(nil), request...)
		changed[i] += "x"
		if verify(secret, changed) || verify(secret+"x", request) {
			t.Fatal("another request verifies")
		}
		// Nothing moves from one part to the next: what lies between two parts cannot stand within one.
		if request[1] != "" {
			moved := append([]string(nil), request...)
			moved[0], moved[1] = request[0]+request[1][:1], request[1][1:]
			if verify(secret, moved) {
				t.Fatal("the parts are not kept apart")
			}
		}
	})
}

func TestParseRefusesOtherSpellings(t *testing.T) {
	t.Parallel()
	const key, timestamp = "ek_live_eu1_0123456789abcdefghijklmnop", "1790000000"
	signature := strings.Repeat("0a", 32)
	if c, err := Parse(key, timestamp, signature); err != nil || c.KeyID != key || c.Timestamp != 1790000000 || c.Signature[1] != 0x0a {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, c := range []struct {
		key, timestamp, signature, header string
		absent                            bool
	}{
		{"", timestamp, signature, HeaderKey, true},
		{key, "", signature, HeaderTimestamp, true},
		{key, timestamp, "", HeaderSignature, true},
		{key + " ", timestamp, signature, HeaderKey, false},
		{key + ", " + key, timestamp, signature, HeaderKey, false},
		{"ek_live_eu1_é", timestamp, signature, HeaderKey, false},
		{strings.Repeat("k", 81), timestamp, signature, HeaderKey, false},
		{key, "+1790000000", signature, HeaderTimestamp, false},
		{key, "-1790000000", signature, HeaderTimestamp, false},
		{key, "01790000000", signature, HeaderTimestamp, false},
		{key, "0", signature, HeaderTimestamp, false},
		{key, "1790000000.0", signature, HeaderTimestamp, false},
		{key, "1.79e9", signature, HeaderTimestamp, false},
		{key, "179000000000", signature, HeaderTimestamp, false},
		{key, "١٧٩٠٠٠٠٠٠٠", signature, HeaderTimestamp, false},
		{key, timestamp, strings.ToUpper(signature), HeaderSignature, false},
		{key, timestamp, signature[1:], HeaderSignature, false},
		{key, timestamp, signature + "0", HeaderSignature, false},
		{key, timestamp, "0x" + signature[2:], HeaderSignature, false},
	} {
		_, err := Parse(c.key, c.timestamp, c.signature)
		h, ok := errors.AsType[*HeaderError](err)
		if !ok || h.Header != c.header || h.Absent != c.absent {
			t.Errorf("%q %q %q: %v", c.key, c.timestamp, c.signature, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ek_live_eu1_0123456789abcdefghijklmnop", "1790000000", strings.Repeat("0a", 32))
	f.Add("", "0", "zz")
	f.Add("ek", "99999999999", strings.Repeat("F", 64))
	f.Fuzz(func(t *testing.T, key, timestamp, signature string) {
		c, err := Parse(key, timestamp, signature)
		if err != nil {
			h, ok := errors.AsType[*HeaderError](err)
			if !ok || h.Error() == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		// What is accepted has this one spelling.
		if c.KeyID != key || strconv.FormatInt(c.Timestamp, 10) != timestamp || hex.EncodeToString(c.Signature[:]) != signature || c.Timestamp <= 0 {
			t.Fatalf("%q %q %q became %+v", key, timestamp, signature, c)
		}
	})
}
