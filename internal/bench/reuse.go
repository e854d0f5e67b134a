package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/reuse"
	"ekyc/internal/vision"
)

// ReuseResult is how well fingerprints find one picture again and tell others apart, at the bound that the service takes.
type ReuseResult struct {
	Nearest    int         `json:"nearest"`     // bits that may differ
	Pictures   int         `json:"pictures"`    // that have a fingerprint
	Others     ReusePairs  `json:"others"`      // of different people: what is found there is false
	SamePerson ReusePairs  `json:"same_person"` // different files of one person: some are one photograph twice
	Copies     []ReuseCopy `json:"copies"`
}

// ReusePairs are all pairs of a kind.
type ReusePairs struct {
	Found    Rate `json:"found"`
	Pairs    int  `json:"pairs_found"`
	LeastNot int  `json:"least_not_found"` // bits that differ between the two most alike of those that are not found
}

// ReuseCopy is what became of copies of every picture.
type ReuseCopy struct {
	Name  string `json:"name"`
	Found Rate   `json:"found"`
	// Bits that differ, of the copy in the middle and of the worst.
	Median int `json:"median"`
	Most   int `json:"most"`
}

// copies are what is done to a picture on its way.
var copies = []struct {
	name    string
	edit    func(*vision.RGB) *vision.RGB // nil for nothing
	quality int                           // of the JPEG file; 0 where none is written
}{
	{name: "other metadata"}, // the file itself
	{"JPEG 95", nil, 95}, {"JPEG 80", nil, 80}, {"JPEG 60", nil, 60},
	{"75 % of the size", resized(75), 0}, {"half the size", resized(50), 0},
	{"10 % darker", relit(0.9, 0), 0}, {"12 levels lighter", relit(1, 12), 0},
	{"half the size, lighter, JPEG 60", func(m *vision.RGB) *vision.RGB { return resized(50)(relit(1, 12)(m)) }, 60},
	{"cut by 2 %", cut(2), 0}, {"cut by 5 %", cut(5), 0},
	{"mirrored", (*vision.RGB).Mirror, 0},
}

func resized(percent int) func(*vision.RGB) *vision.RGB {
	return func(m *vision.RGB) *vision.RGB {
		return m.Resize(max(1, m.Width*percent/100), max(1, m.Height*percent/100))
	}
}

// relit multiplies brightness and adds levels of 255.
func relit(times, plus float64) func(*vision.RGB) *vision.RGB {
	return func(m *vision.RGB) *vision.RGB {
		out := vision.NewRGB(m.Width, m.Height)
		for i, v := range m.Pix {
			out.Pix[i] = byte(min(255, math.Round(times*float64(v)+plus)))
		}
		return out
	}
}

// cut takes off a share of width and height, half of it at each edge.
func cut(percent float64) func(*vision.RGB) *vision.RGB {
	return func(m *vision.RGB) *vision.RGB {
		x, y := math.Round(float64(m.Width)*percent/200), math.Round(float64(m.Height)*percent/200)
		return m.Crop(vision.Rect{X0: x, Y0: y, X1: float64(m.Width) - x, Y1: float64(m.Height) - y})
	}
}

// reuse compares the fingerprints of all pictures of faces with one another, and with those of their copies.
func (b *Bench) reuse(ctx context.Context) (*ReuseResult, error) {
	rows, err := readTable(filepath.Join(b.dir, "faces", "identities.csv"))
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row map[string]string) bool { return !b.split.keeps(row["identity"]) })
	pictures := make([]fingerprinted, len(rows))
	err = b.each(ctx, "reuse", len(rows), func(i int) error {
		data, err := b.read("faces", rows[i]["file"])
		if err != nil {
			return err
		}
		p, err := fingerprint(data)
		if err != nil {
			b.fault("faces/"+rows[i]["file"], "no fingerprint: "+string(ekyc.CodeOf(err)))
			return nil
		}
		p.file, p.identity = rows[i]["file"], rows[i]["identity"]
		pictures[i] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	pictures = slices.DeleteFunc(pictures, func(p fingerprinted) bool { return p.print == nil })
	result := &ReuseResult{Nearest: reuse.Nearest, Pictures: len(pictures)}
	b.reusePairs(pictures, result)
	for i, c := range copies {
		var bits []int
		for _, p := range pictures {
			if p.copies[i] != nil {
				bits = append(bits, p.print.Distance(*p.copies[i]))
			}
		}
		result.Copies = append(result.Copies, reuseCopy(c.name, bits))
	}
	return result, nil
}

// fingerprinted is a picture with the fingerprints of itself and its copies; nil for one that has none.
type fingerprinted struct {
	file, identity string
	print          *vision.Fingerprint
	copies         []*vision.Fingerprint
}

// fingerprint reads a file as the service does. Errors: those of decoding.
func fingerprint(data []byte) (p fingerprinted, err error) {
	picture, err := vision.Decode(data, faceLimits)
	if err != nil {
		return p, err
	}
	p.print = picture.Fingerprint()
	for _, c := range copies {
		m := picture.Native()
		if c.edit != nil {
			m = c.edit(m)
		}
		switch {
		case c.quality > 0:
			m, err = recoded(m, c.quality)
		case c.edit == nil:
			m, err = withoutComment(data)
		}
		if err != nil {
			return p, err
		}
		var print *vision.Fingerprint
		if m != nil {
			print = vision.NewPyramid(m).Fingerprint()
		}
		p.copies = append(p.copies, print)
	}
	return p, nil
}

func recoded(m *vision.RGB, quality int) (*vision.RGB, error) {
	data, err := vision.EncodeJPEG(m, quality)
	if err != nil {
		return nil, err
	}
	picture, err := vision.Decode(data, faceLimits)
	if err != nil {
		return nil, err
	}
	return picture.Native(), nil
}

// A JPEG file begins with a marker, behind which a comment may stand (ITU-T T.81, B.2.4.5).
var (
	jpegStart   = []byte{0xff, 0xd8}
	jpegComment = []byte("\xff\xfe\x00\x09a note")
)

// withoutComment puts a comment into a JPEG file and lets the gate take it out again; nil for other files.
func withoutComment(data []byte) (*vision.RGB, error) {
	if !bytes.HasPrefix(data, jpegStart) {
		return nil, nil
	}
	clean, err := gate.Clean(slices.Concat(jpegStart, jpegComment, data[len(jpegStart):]), faceLimits)
	if err != nil {
		return nil, err
	}
	picture, err := vision.Decode(clean, faceLimits)
	if err != nil {
		return nil, err
	}
	return picture.Native(), nil
}

// reusePairs compares all pictures with one another, and names those of different people that are taken for one.
func (b *Bench) reusePairs(pictures []fingerprinted, into *ReuseResult) {
	var found [2]tally // by whether the two are of one person
	least := [2]int{vision.FingerprintBits, vision.FingerprintBits}
	for i, p := range pictures {
		for _, q := range pictures[:i] {
			kind, bits := 0, p.print.Distance(*q.print)
			if p.identity == q.identity {
				kind = 1
			}
			found[kind].add(bits <= reuse.Nearest)
			switch {
			case bits > reuse.Nearest:
				least[kind] = min(least[kind], bits)
			case kind == 0:
				b.fault("faces/"+p.file, fmt.Sprintf("taken for faces/%s, %d bits differ", q.file, bits))
			}
		}
	}
	into.Others = ReusePairs{found[0].rate(), found[0].events, least[0]}
	into.SamePerson = ReusePairs{found[1].rate(), found[1].events, least[1]}
}

func reuseCopy(name string, bits []int) ReuseCopy {
	c := ReuseCopy{Name: name}
	var found tally
	for _, n := range bits {
		found.add(n <= reuse.Nearest)
	}
	c.Found = found.rate()
	if slices.Sort(bits); len(bits) > 0 {
		c.Median, c.Most = bits[len(bits)/2], bits[len(bits)-1]
	}
	return c
}

func (r *Result) printReuse(w io.Writer) {
	if r.Reuse == nil {
		return
	}
	fmt.Fprintf(w, "\nREUSE\t%d pictures; one where at most %d of %d bits differ\n", r.Reuse.Pictures, r.Reuse.Nearest, vision.FingerprintBits)
	for _, row := range []struct {
		name string
		p    ReusePairs
	}{{"pairs of different people", r.Reuse.Others}, {"pairs of one person", r.Reuse.SamePerson}} {
		fmt.Fprintf(w, "%s\t%d of %d found, %.2f in a million (%.2f–%.2f); of the others %d bits or more differ\n", row.name, row.p.Pairs, row.p.Found.N, 1e6*row.p.Found.Value, 1e6*row.p.Found.Low, 1e6*row.p.Found.High, row.p.LeastNot)
	}
	for _, c := range r.Reuse.Copies {
		fmt.Fprintf(w, "%s\tfound %s; %d bits differ in the median, %d at most\n", c.Name, c.Found, c.Median, c.Most)
	}
}
