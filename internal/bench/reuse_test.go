package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc/internal/vision"
)

// TestReuseCountsPairsAndCopies: of six pictures one is another's copy under another name, which is one false match among the pairs of different people.
func TestReuseCountsPairsAndCopies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "faces", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "faces"), 0o700); err != nil {
		t.Fatal(err)
	}
	table := []string{"file,identity"}
	for i, identity := range []string{"a", "b", "c", "d", "d", "e"} {
		seed := uint64(i)
		if identity == "e" {
			seed = 0 // the picture of a
		}
		r, coarse := rand.New(rand.NewPCG(seed, 7)), vision.NewRGB(16, 16)
		for p := range 16 * 16 {
			light := byte(40 + r.IntN(160))
			copy(coarse.Pix[3*p:], []byte{light, light, light})
		}
		data, err := vision.EncodeJPEG(coarse.Resize(240, 240), 95-i)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%d.jpg", i)
		write(name, data)
		table = append(table, name+","+identity)
	}
	write("broken.jpg", []byte("no picture"))
	write("identities.csv", []byte(strings.Join(append(table, "broken.jpg,f"), "\n")+"\n"))
	b := &Bench{dir: dir, workers: 2, faults: map[string]string{}}
	got, err := b.reuse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Pictures != 6 || got.Others.Found.N != 14 || got.Others.Pairs != 1 || got.SamePerson.Found.N != 1 || got.SamePerson.Pairs != 0 || got.Others.LeastNot <= got.Nearest {
		t.Errorf("%+v", got)
	}
	if len(b.faults) != 2 || !strings.Contains(b.faults["faces/5.jpg"], "taken for faces/0.jpg") || !strings.HasPrefix(b.faults["faces/broken.jpg"], "no fingerprint") {
		t.Errorf("%v", b.faults)
	}
	for _, c := range got.Copies {
		switch want := map[string]float64{"mirrored": 0, "JPEG 95": 1, "other metadata": 1, "half the size": 1}; {
		case c.Found.N != 6:
			t.Errorf("%s of %d pictures", c.Name, c.Found.N)
		case c.Name == "other metadata" && c.Most != 0:
			t.Errorf("%d bits differ without metadata", c.Most)
		default:
			if share, told := want[c.Name]; told && c.Found.Value != share {
				t.Errorf("%s: %s", c.Name, c.Found)
			}
		}
	}
	var page strings.Builder
	if err := (&Result{Reuse: got}).Print(&page); err != nil || !strings.Contains(page.String(), "1 of 14 found") || !strings.Contains(page.String(), "mirrored") {
		t.Errorf("%s, %v", &page, err)
	}
}
