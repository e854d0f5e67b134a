package specimen

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
	"ekyc/internal/document/barcode"
	"ekyc/internal/document/mrz"
	"ekyc/internal/vision"
)

// small is a photograph quick enough to be taken often.
var small = PhotoSpec{Width: 1000, Height: 750, Difficulty: 0.3}

func generate(t *testing.T, spec Spec) *Document {
	t.Helper()
	d, err := Generate(spec)
	if err != nil {
		t.Fatalf("generate %s %d: %v", spec.Kind, spec.Seed, err)
	}
	return d
}

func TestEveryKindRendersAndIsPhotographed(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := generate(t, Spec{Kind: kind, Seed: 11})
			for side := range d.Sides() {
				r, err := d.Render(side, 300)
				if err != nil {
					t.Fatal(err)
				}
				want := d.sides[side].size
				if got := float64(r.Image.Width) / r.PixelsPerMM; math.Abs(got-want.width) > 0.1 {
					t.Errorf("side %d is %.2f mm wide, want %.2f", side, got, want.width)
				}
				spec := small
				spec.Seed = 3
				p, err := d.Photograph(side, spec)
				if err != nil {
					t.Fatal(err)
				}
				picture, err := vision.Decode(p.Data, vision.SceneLimits)
				if err != nil {
					t.Fatal(err)
				}
				if m := picture.Native(); m.Width != small.Width || m.Height != small.Height {
					t.Errorf("the photograph has %d x %d pixels", m.Width, m.Height)
				}
			}
		})
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			take := func(seed uint64) *Picture {
				spec := small
				spec.Seed = seed
				p, err := generate(t, Spec{Kind: kind, Seed: seed}).Photograph(0, spec)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			first, again, other := take(5), take(5), take(6)
			if !bytes.Equal(first.Data, again.Data) {
				t.Error("the same seed gave other bytes")
			}
			if d := cmp.Diff(first.Truth, again.Truth, cmp.AllowUnexported(Capture{}), cmp.AllowUnexported(Person{})); d != "" {
				t.Error("the same seed gave another truth")
			}
			if bytes.Equal(first.Data, other.Data) {
				t.Error("another seed gave the same bytes")
			}
		})
	}
}

func TestOrdersRepeat(t *testing.T) {
	t.Parallel()
	for _, form := range []Form{Clean, Photo, Forged} {
		order := Order{Seed: 9, Forms: []Form{form}, Width: 800, Height: 600}
		if err := order.Validate(); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			first, err := order.Make(i)
			if err != nil {
				t.Fatal(err)
			}
			again, err := order.Make(i)
			if err != nil {
				t.Fatal(err)
			}
			if len(first) == 0 || len(first) != len(again) {
				t.Fatalf("item %d has %d and then %d pictures", i, len(first), len(again))
			}
			for j := range first {
				if !bytes.Equal(first[j].Data, again[j].Data) || first[j].Truth.File != again[j].Truth.File {
					t.Errorf("%s item %d picture %d differs when made again", form, i, j)
				}
			}
		}
	}
}

// Every zone that is printed parses, its digits hold, and it says what the fields say.
func TestZonesAgreeWithFields(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{Passport, IDCardTD1, IDCardTD2, VisaA, VisaB, ResidencePermit}).Draw(t, "kind")
		d, err := Generate(Spec{Kind: kind, Seed: rapid.Uint64().Draw(t, "seed"), Expired: rapid.Bool().Draw(t, "expired")})
		if err != nil {
			t.Fatal(err)
		}
		zone, err := mrz.Parse(d.MRZ)
		if err != nil {
			t.Fatal(err)
		}
		if !zone.Valid() {
			t.Errorf("%v has faults %v", d.MRZ, zone.Faults)
		}
		got := map[string]string{
			"document_number": zone.DocumentNumber, "date_of_birth": zone.BirthDate.Birth(Epoch).Value,
			"date_of_expiry": zone.ExpiryDate.Expiry(Epoch).Value, "sex": zone.Sex, "nationality": zone.Nationality, "issuing_country": zone.Issuer,
		}
		for key, value := range got {
			if want := d.Fields[key]; value != want {
				t.Errorf("%s is %q in the zone and %q in the fields", key, value, want)
			}
		}
		if mrz.Transliterate(d.Fields["surname"]) != strings.ReplaceAll(zone.Surname, " ", "<") {
			t.Errorf("the surname is %q in the zone", zone.Surname)
		}
		if d.Expires.Before(Epoch) != d.spec.Expired {
			t.Errorf("expires %s", iso(d.Expires))
		}
	})
}

func inside(outer, inner vision.Quad) bool {
	for _, p := range inner {
		for i, a := range outer {
			b := outer[(i+1)%4]
			if (b.X-a.X)*(p.Y-a.Y)-(b.Y-a.Y)*(p.X-a.X) < 0 {
				return false
			}
		}
	}
	return true
}

// What is printed lies inside the document, and the document inside the frame, however it is turned.
func TestPlacesOfTheTruth(t *testing.T) {
	t.Parallel()
	for i, kind := range Kinds() {
		for _, turn := range []float64{0, 33, 90, 180, 271} {
			d := generate(t, Spec{Kind: kind, Seed: uint64(100 + i)})
			for side := range d.Sides() {
				spec := PhotoSpec{Seed: uint64(i), Width: 640, Height: 480, Difficulty: 1, Turn: &turn}
				p, err := d.Photograph(side, spec)
				if err != nil {
					t.Fatal(err)
				}
				frame := vision.Rect{X1: 640, Y1: 480}.Quad()
				if !inside(frame, p.Truth.Quad) || !p.Truth.Quad.Convex() {
					t.Errorf("%s turned by %g does not lie in the frame: %v", kind, turn, p.Truth.Quad)
				}
				for _, g := range p.Truth.Regions {
					if !inside(p.Truth.Quad, g.Quad) {
						t.Errorf("%s turned by %g: %s is not on the document", kind, turn, g.Name)
					}
				}
				if side == 0 && !slices.ContainsFunc(p.Truth.Regions, func(g Region) bool { return g.Name == regionPortrait }) {
					t.Errorf("%s has no portrait on its front", kind)
				}
			}
		}
	}
}

func TestBarcodesReadBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		d := generate(t, Spec{Kind: LicenceAAMVA, Seed: seed})
		clean, err := d.Render(1, 400)
		if err != nil {
			t.Fatal(err)
		}
		photo, err := d.Photograph(1, PhotoSpec{Seed: seed, Width: 2400, Height: 1800, Difficulty: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		picture, err := vision.Decode(photo.Data, vision.SceneLimits)
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range map[string]*vision.RGB{"render": clean.Image, "photograph": picture.Native()} {
			symbols, err := barcode.ReadGray(m.Gray())
			if err != nil || len(symbols) != 1 || !bytes.Equal(symbols[0].Bytes, d.Payload) {
				t.Errorf("seed %d: the %s does not read back (%d symbols, %v)", seed, name, len(symbols), err)
			}
		}
		licence, err := barcode.Parse(d.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if licence.DocumentNumber != d.Number || licence.BirthDate != d.Fields["date_of_birth"] || licence.ExpiryDate != d.Fields["date_of_expiry"] || len(licence.Faults) > 0 {
			t.Errorf("seed %d: the payload says something else than the fields; faults %v", seed, licence.Faults)
		}
	}
}

func TestAttacksTellTheirTruth(t *testing.T) {
	t.Parallel()
	for _, attack := range AttackKinds() {
		t.Run(string(attack), func(t *testing.T) {
			t.Parallel()
			broken, kept := 0, 0
			for seed := range uint64(8) {
				d := generate(t, Spec{Kind: []Kind{Passport, IDCardTD1}[seed%2], Seed: seed})
				spec := small
				spec.Seed = seed
				p, err := d.Attack(attack, spec, nil)
				if err != nil {
					t.Fatal(err)
				}
				side := d.AttackSide(attack)
				genuine, err := d.Photograph(side, spec)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Equal(p.Data, genuine.Data) {
					t.Error("the attack looks like the genuine document")
				}
				f := p.Truth.Forgery
				if p.Truth.Form != Forged || f == nil || f.Kind != attack {
					t.Fatal("the truth does not name the attack")
				}
				switch attack {
				case FieldEdited:
					if f.Before == f.After || p.Truth.Fields[f.Field] != f.After || d.Fields[f.Field] != f.Before {
						t.Errorf("edited %q: fields say otherwise", f.Field)
					}
				case MRZEdited:
					if slices.Equal(p.Truth.MRZ, d.MRZ) {
						t.Error("the zone of the truth is the old one")
					}
					if p.Truth.MRZValid {
						kept++
					} else {
						broken++
					}
				}
			}
			if attack == MRZEdited && (broken == 0 || kept == 0) {
				t.Errorf("%d zones with wrong digits, %d with new ones: both are wanted", broken, kept)
			}
		})
	}
}

// TestAForgedFieldIsChangedWhereItStands: values that follow their caption, too, are written anew in their own place.
func TestAForgedFieldIsChangedWhereItStands(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{LicenceAAMVA, Passport} {
		for seed := range uint64(4) {
			d := generate(t, Spec{Kind: kind, Seed: seed})
			spec := small
			spec.Seed = seed
			genuine, err := d.Photograph(0, spec)
			if err != nil {
				t.Fatal(err)
			}
			honest, err := decoded(genuine)
			if err != nil {
				t.Fatal(err)
			}
			for _, attack := range []AttackKind{FieldEdited, FieldRetouched} {
				p, err := d.Attack(attack, spec, nil)
				if err != nil {
					t.Fatal(err)
				}
				forged, err := decoded(p)
				if err != nil {
					t.Fatal(err)
				}
				const plain = 40 // grey levels: more than compression does
				inside, all := 0, 0
				for y := range forged.Height {
					for x := range forged.Width {
						at := 3 * (y*forged.Width + x)
						if math.Abs(float64(forged.Pix[at])-float64(honest.Pix[at])) < plain {
							continue
						}
						all++
						if slices.ContainsFunc(p.Truth.Regions, func(r Region) bool {
							b := r.Quad.Bounds().Expand(2)
							return r.Name == p.Truth.Forgery.Field && float64(x) > b.X0 && float64(x) < b.X1 && float64(y) > b.Y0 && float64(y) < b.Y1
						}) {
							inside++
						}
					}
				}
				if all == 0 || 2*inside < all {
					t.Errorf("%s of %s, seed %d: %d of %d changed pixels lie on the field", attack, kind, seed, inside, all)
				}
			}
		}
	}
}

// TestAForgedDocumentShowsItsOtherSide: a field that was changed on the front of a card is stated by the zone on its back.
func TestAForgedDocumentShowsItsOtherSide(t *testing.T) {
	t.Parallel()
	order := Order{Seed: 5, Kinds: []Kind{IDCardTD1, Passport}, Forms: []Form{Forged}, Attacks: []AttackKind{FieldEdited, MRZEdited}, Width: small.Width, Height: small.Height}
	if err := order.Validate(); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		attack AttackKind
		sides  int
		forged int
	}{{FieldEdited, 2, 0}, {MRZEdited, 1, 0}, {MRZEdited, 2, 1}, {FieldEdited, 1, 0}} {
		pictures, err := order.Make(i)
		if err != nil {
			t.Fatal(err)
		}
		l := LabelOf(pictures)
		if len(pictures) != c.sides || l.Attack != string(c.attack) || l.AttackField == "" || (l.Back != "") != (c.sides == 2) {
			t.Fatalf("item %d: %d pictures of the attack %q on %q, back %q", i, len(pictures), l.Attack, l.AttackField, l.Back)
		}
		for side, p := range pictures {
			if forged := p.Truth.Forgery != nil; forged != (side == c.forged) {
				t.Errorf("item %d, side %d: forged %v", i, side, forged)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	licence := generate(t, Spec{Kind: LicenceEU, Seed: 1})
	for name, act := range map[string]func() error{
		"unknown kind":               func() error { _, err := Generate(Spec{Kind: "library_card"}); return err },
		"issuer without the kind":    func() error { _, err := Generate(Spec{Kind: LicenceAAMVA, Issuer: "FRA"}); return err },
		"no such side":               func() error { _, err := licence.Render(2, 0); return err },
		"resolution":                 func() error { _, err := licence.Render(0, 5000); return err },
		"tiny photograph":            func() error { _, err := licence.Photograph(0, PhotoSpec{Width: 10, Height: 10}); return err },
		"difficulty":                 func() error { _, err := licence.Photograph(0, PhotoSpec{Difficulty: 2}); return err },
		"zone of a licence":          func() error { _, err := licence.Attack(MRZEdited, small, nil); return err },
		"unknown attack":             func() error { _, err := licence.Attack("shredded", small, nil); return err },
		"order of an unknown kind":   func() error { return (&Order{Kinds: []Kind{"x"}}).Validate() },
		"order of an unknown form":   func() error { return (&Order{Forms: []Form{"x"}}).Validate() },
		"order of an unknown attack": func() error { return (&Order{Attacks: []AttackKind{"x"}}).Validate() },
		"order from an idle issuer":  func() error { return (&Order{Kinds: []Kind{LicenceEU}, Issuer: "USA"}).Validate() },
	} {
		if err := act(); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := NewGallery(nil); ekyc.CodeOf(err) != ekyc.ErrModelMissing {
		t.Errorf("gallery without photographs: got %v", err)
	}
}

func TestEverySideSaysSpecimen(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		for _, s := range generate(t, Spec{Kind: kind, Seed: 2}).sides {
			if !slices.ContainsFunc(s.texts, func(p printed) bool { return p.text == "SPECIMEN" }) {
				t.Errorf("the %s of %s is not marked", s.name, kind)
			}
		}
	}
}

func BenchmarkPhotographTwelveMegapixels(b *testing.B) {
	d, err := Generate(Spec{Kind: Passport, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Photograph(0, PhotoSpec{Seed: 1, Difficulty: 0.4}); err != nil {
			b.Fatal(err)
		}
	}
}
