package namelist

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
)

//go:generate go test -run TestListIsWritten -update-list .

var updateList = flag.Bool("update-list", false, "write ../testdata/names.tsv.gz anew")

func TestListIsWritten(t *testing.T) {
	t.Parallel()
	const path = "../testdata/names.tsv.gz"
	text := Text()
	if *updateList {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	written, err := io.ReadAll(r)
	if err != nil || string(written) != text {
		t.Errorf("%s is not what the generator makes; go generate ./internal/profile/namelist writes it anew (%v)", path, err)
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	halves, byCategory := map[string]string{}, map[string]int{}
	same, known := 0, map[string]bool{}
	for _, p := range Pairs() {
		line := p.String()
		if known[line] {
			t.Errorf("%q is in the list twice", line)
		}
		known[line] = true
		if strings.Count(line, "\t") != 5 || strings.Contains(line, "_ ") || strings.Contains(p.Claimed.text()+p.Printed.text(), "_") {
			t.Errorf("%q is not a line of the list", line)
		}
		if half := halves[p.Printed.Surname]; p.Category == "strangers" && half != "" && half != p.Half {
			t.Errorf("the surname of %q is in both halves", line)
		}
		if p.Category == "strangers" {
			halves[p.Printed.Surname] = p.Half
		}
		byCategory[p.Category]++
		if p.Same {
			same++
		}
	}
	if n := len(known); n < 3000 || same < n/3 || same > n*2/3 {
		t.Errorf("%d pairs, %d of one person", n, same)
	}
	for _, k := range kinds {
		if byCategory[k.category] < 30 {
			t.Errorf("category %s has %d pairs", k.category, byCategory[k.category])
		}
	}
}
