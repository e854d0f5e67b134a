package barcode

import (
	"bytes"
	"testing"

	"ekyc"

	"pgregory.net/rapid"
)

func TestPDF417RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		payload := []byte(rapid.StringMatching(`[ -~\n\r\x1e]{1,300}([0-9]{12,60}[ -~]{1,20})?`).Draw(t, "payload"))
		m, err := EncodePDF417(payload, rapid.SampledFrom([]int{0, 5, 10, 17}).Draw(t, "columns"))
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := ReadGray(m.Gray(2))
		if err != nil {
			t.Fatal(err)
		}
		if len(symbols) != 1 || symbols[0].Format != PDF417 || !bytes.Equal(symbols[0].Bytes, payload) {
			t.Fatalf("%d symbols; wrote %q, read %v", len(symbols), payload, symbols)
		}
	})
}

func TestEncodePDF417Refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, columns int
	}{"too long": {4000, 0}, "too long for one column": {400, 1}, "31 columns": {10, 31}, "negative": {10, -1}} {
		if _, err := EncodePDF417(bytes.Repeat([]byte{'a'}, c.size), c.columns); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: got %v, want invalid_argument", name, err)
		}
	}
}
