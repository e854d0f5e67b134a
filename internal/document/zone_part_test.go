package document_test

import (
	"slices"
	"testing"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/mrz"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

func licence(t *testing.T, issuer string, seed uint64) *specimen.Document {
	t.Helper()
	d, err := specimen.Generate(specimen.Spec{Kind: specimen.LicenceEU, Issuer: issuer, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLicenceZonesAreReadFromPhotographs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for issuer, format := range map[string]mrz.Format{"FRA": mrz.FRADL, "NLD": mrz.NLDDL, "HRV": mrz.ISODL, "CHE": mrz.CHEDL} {
		t.Run(issuer, func(t *testing.T) {
			t.Parallel()
			d := licence(t, issuer, 7)
			turn := 4.0
			back, err := d.Photograph(1, specimen.PhotoSpec{Seed: 7, Width: 1600, Height: 1200, Difficulty: 0.2, Turn: &turn, Coverage: 0.85})
			if err != nil {
				t.Fatal(err)
			}
			r, err := b.reader.Read(t.Context(), document.Input{Front: decode(t, back.Data), At: specimen.Epoch})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.MRZ.Lines, d.MRZ) || r.MRZ.Format != format || r.MRZ.Valid != (format != mrz.CHEDL) {
				t.Errorf("read as %s, valid %v: %v, printed %v", r.MRZ.Format, r.MRZ.Valid, r.MRZ.Lines, d.MRZ)
			}
			if r.Detected.Type != ekyc.DriverLicense || r.Detected.Country != issuer {
				t.Errorf("detected %s of %s", r.Detected.Type, r.Detected.Country)
			}
			if len(r.MRZ.Rows) != len(d.MRZ) || len(r.MRZ.Evidence) == 0 {
				t.Errorf("%d rows, %d fields of evidence", len(r.MRZ.Rows), len(r.MRZ.Evidence))
			}
		})
	}
}

// TestALostLineIsTold: what is left of a zone is read, what was lost is absent, and nothing of it is vouched for.
func TestALostLineIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		kind   specimen.Kind
		side   int
		lost   int
		absent document.Key
		known  document.Key
	}{
		"passport without its names":      {specimen.Passport, 0, 0, document.KeySurname, document.KeyDocumentNumber},
		"card without its names":          {specimen.IDCardTD1, 1, 2, document.KeySurname, document.KeyDocumentNumber},
		"card without its number":         {specimen.IDCardTD1, 1, 0, document.KeyDocumentNumber, document.KeySurname},
		"passport without all but names":  {specimen.Passport, 0, 1, document.KeyDocumentNumber, ""},
		"card without the line of dates":  {specimen.IDCardTD1, 1, 1, document.KeyDateOfBirth, ""},
		"second card without its surname": {specimen.IDCardTD2, 0, 0, document.KeySurname, document.KeyDateOfBirth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := generate(t, c.kind, 12, nil)
			r, err := b.reader.Read(t.Context(), document.Input{Front: withoutLine(t, d, c.side, c.lost), At: specimen.Epoch})
			if c.known == "" {
				if err == nil && r.MRZ.Found {
					t.Fatalf("too little is left, and %v was read", r.MRZ.Lines)
				}
				if err != nil && ekyc.CodeOf(err) != ekyc.ErrDocumentNotFound {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m := r.MRZ
			want := slices.Clone(d.MRZ)
			want[c.lost] = ""
			if !m.Found || m.Valid || !slices.Equal(m.Lines, want) || !slices.Equal(m.Zone.Lost, []int{c.lost}) {
				t.Fatalf("found %v (%s), valid %v: %v, left of %v", m.Found, m.Reason, m.Valid, m.Lines, want)
			}
			told := func(key document.Key) bool {
				return slices.ContainsFunc(r.Readings[key], func(f document.Field) bool { return f.Source == document.FromMRZ && f.Confidence > 0.5 })
			}
			if told(c.absent) || !told(c.known) {
				t.Errorf("of the zone %s is told: %v, and %s, which was on the lost line: %v", c.known, told(c.known), c.absent, told(c.absent))
			}
		})
	}
}

// withoutLine is the rendered side with one line of its zone painted over, as a strip of tape would.
func withoutLine(t *testing.T, d *specimen.Document, side, line int) *vision.Pyramid {
	t.Helper()
	const dpi = 300.0
	r, err := d.Render(side, dpi)
	if err != nil {
		t.Fatal(err)
	}
	millimetre, spacing := dpi/25.4, 6.35
	if len(d.MRZ) == 3 {
		spacing = 4.23
	}
	for _, g := range r.Regions {
		if g.Name != "mrz" {
			continue
		}
		top := g.Quad[0].Y + (spacing*float64(line)-0.4)*millimetre
		for y := int(top); y < min(int(top+4*millimetre), r.Image.Height); y++ {
			for x := range r.Image.Width {
				copy(r.Image.Pix[3*(y*r.Image.Width+x):], []byte{120, 130, 140})
			}
		}
	}
	data, err := vision.EncodeJPEG(r.Image, 95)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, data)
}
