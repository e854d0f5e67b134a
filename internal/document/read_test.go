package document_test

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/ocr"
	"ekyc/internal/models"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// bundle is the reader over the models that the program loads, and photographs of people for portraits.
type bundle struct {
	reader  *document.Reader
	gallery *specimen.Gallery
}

// shared is loaded once: sessions are safe for concurrent use.
var shared = sync.OnceValues(load)

func setup(t *testing.T) bundle {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func load() (bundle, error) {
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		return bundle{}, err
	}
	path, err := library.Path("onnxruntime")
	if err != nil {
		return bundle{}, err
	}
	runtime, err := vision.OpenRuntime(path)
	if err != nil {
		return bundle{}, err
	}
	sessions := map[string]*vision.Session{}
	for _, name := range []string{"text_detector", "text_recogniser", "text_recogniser_accurate", "text_direction", "page_orientation", "mrz_line", "face_detector_fast"} {
		data, err := library.Bytes(name)
		if err != nil {
			return bundle{}, err
		}
		if sessions[name], err = runtime.Load(name, data, 1); err != nil {
			return bundle{}, err
		}
	}
	dictionary, err := library.Bytes("text_dictionary")
	if err != nil {
		return bundle{}, err
	}
	accurate, err := library.Bytes("text_dictionary_accurate")
	if err != nil {
		return bundle{}, err
	}
	photographs := map[string][]byte{}
	for _, a := range library.OfKind(models.KindPhotograph) {
		if photographs[a.Name], err = library.Bytes(a.Name); err != nil {
			return bundle{}, err
		}
	}
	gallery, err := specimen.NewGallery(photographs)
	if err != nil {
		return bundle{}, err
	}
	detector, _ := library.Asset("text_detector")
	return bundle{document.New(document.Models{
		Detector: ocr.NewDetector(sessions["text_detector"], ocr.DetectorOptions{
			PixelThreshold: detector.Parameters["pixel_threshold"], BoxThreshold: detector.Parameters["box_threshold"], UnclipRatio: detector.Parameters["unclip_ratio"],
		}),
		Recogniser:  ocr.NewRecogniser(sessions["text_recogniser"], ocr.ParseDictionary(dictionary), ocr.RecogniserOptions{}),
		Accurate:    ocr.NewRecogniser(sessions["text_recogniser_accurate"], ocr.ParseDictionary(accurate), ocr.RecogniserOptions{Batch: 1}),
		Direction:   ocr.NewDirection(sessions["text_direction"]),
		Orientation: ocr.NewOrientation(sessions["page_orientation"], nil),
		MRZLine:     sessions["mrz_line"],
		Faces:       findFaces(sessions["face_detector_fast"]),
	}), gallery}, nil
}

// findFaces decodes the fast face detector: two classes and a box of shares of the image, each of 4,420 places.
func findFaces(session *vision.Session) document.FaceFinder {
	return func(ctx context.Context, p *vision.Pyramid) ([]vision.Rect, error) {
		m := p.Native()
		out, err := session.Run(ctx, vision.Planar(vision.UniformNormalisation(127, 128), p.Sample(m.Bounds(), 320, 240)))
		if err != nil {
			return nil, err
		}
		var boxes []vision.Rect
		for i := range len(out[0].Data) / 2 {
			b := out[1].Data[4*i : 4*i+4]
			r := vision.Rect{X0: float64(b[0]) * float64(m.Width), Y0: float64(b[1]) * float64(m.Height), X1: float64(b[2]) * float64(m.Width), Y1: float64(b[3]) * float64(m.Height)}
			if out[0].Data[2*i+1] > 0.8 && !slices.ContainsFunc(boxes, func(o vision.Rect) bool { return o.IoU(r) > 0.3 }) {
				boxes = append(boxes, r)
			}
		}
		return boxes, nil
	}
}

func decode(t *testing.T, data []byte) *vision.Pyramid {
	t.Helper()
	picture, err := vision.Decode(data, vision.SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	return picture.Pyramid
}

func generate(t *testing.T, kind specimen.Kind, seed uint64, portrait *specimen.Portrait) *specimen.Document {
	t.Helper()
	d, err := specimen.Generate(specimen.Spec{Kind: kind, Seed: seed, Portrait: portrait})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func clean(t *testing.T, d *specimen.Document, side int) *specimen.Picture {
	t.Helper()
	picture, err := d.Clean(side, 300)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// plain compares values by letters and digits alone: print is in capitals and recognisers miss some accents.
func plain(s string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(s) {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestEveryKindOfSpecimenIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, kind := range specimen.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := generate(t, kind, 41, nil)
			front := clean(t, d, 0)
			in := document.Input{Front: decode(t, front.Data), At: specimen.Epoch}
			truth := []specimen.Truth{front.Truth}
			if d.Sides() > 1 {
				back := clean(t, d, 1)
				in.Back, truth = decode(t, back.Data), append(truth, back.Truth)
			}
			r, err := b.reader.Read(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			if r.Detected.Type != truth[0].Type || r.Detected.Subtype != truth[0].Subtype || r.Detected.Country != truth[0].Country {
				t.Errorf("detected %s %s of %s, want %s %s of %s", r.Detected.Type, r.Detected.Subtype, r.Detected.Country, truth[0].Type, truth[0].Subtype, truth[0].Country)
			}
			for _, side := range truth {
				checkMachine(t, r, side)
			}
			for _, key := range []document.Key{document.KeyDocumentNumber, document.KeyDateOfBirth, document.KeyDateOfExpiry} {
				if want := d.Fields[string(key)]; want != "" && plain(r.Fields[key].Value) != plain(want) {
					t.Errorf("%s was not read as printed (from %s)", key, r.Fields[key].Source)
				}
			}
			if !slices.Contains(r.Specimen, "SPECIMEN") {
				t.Errorf("the word SPECIMEN was not seen: %v", r.Specimen)
			}
			for _, stage := range []string{"detect", "mrz", "read", "reread", "total"} {
				if r.Timings[stage] <= 0 {
					t.Errorf("stage %s took no time", stage)
				}
			}
		})
	}
}

// checkMachine compares zone and bar code of one side with the truth.
func checkMachine(t *testing.T, r *document.Reading, truth specimen.Truth) {
	t.Helper()
	if len(truth.MRZ) > 0 {
		if !slices.Equal(r.MRZ.Lines, truth.MRZ) {
			t.Errorf("zone %v, printed %v", r.MRZ.Lines, truth.MRZ)
		}
		if r.MRZ.Valid != truth.MRZValid || string(r.MRZ.Format) != truth.MRZFormat {
			t.Errorf("zone of format %s is valid: %v; printed %s, %v", r.MRZ.Format, r.MRZ.Valid, truth.MRZFormat, truth.MRZValid)
		}
	}
	if truth.Barcode != nil {
		if !slices.ContainsFunc(r.Barcodes, func(c document.BarcodeReading) bool {
			return bytes.Equal(c.Symbol.Bytes, truth.Barcode.Payload) && c.Licence != nil
		}) {
			t.Error("the bar code was not read")
		}
		if f := r.Fields[document.KeySurname]; f.Source != document.FromBarcode {
			t.Errorf("the surname is from %q, not from the bar code", f.Source)
		}
	}
}

func TestPhotographsAreMadeUprightAndRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		kind specimen.Kind
		side int
		turn float64
	}{
		"upright": {specimen.Passport, 0, 4}, "on its head": {specimen.Passport, 0, 183}, "quarter turn": {specimen.IDCardTD2, 0, 88},
		"three quarters": {specimen.IDCardTD1, 1, 268}, "oblique": {specimen.Passport, 0, 35}, "no zone": {specimen.LicenceEU, 0, 182},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := specimen.Generate(specimen.Spec{Kind: c.kind, Seed: 52, Issuer: "UTO"})
			if err != nil {
				t.Fatal(err)
			}
			photo, err := d.Photograph(c.side, specimen.PhotoSpec{Seed: 3, Width: 2400, Height: 1800, Difficulty: 0.2, Turn: &c.turn, Coverage: 0.7})
			if err != nil {
				t.Fatal(err)
			}
			r, err := b.reader.Read(context.Background(), document.Input{Front: decode(t, photo.Data), At: specimen.Epoch})
			if err != nil {
				t.Fatal(err)
			}
			checkMachine(t, r, photo.Truth)
			g := r.Sides[0].Geometry
			if g.Method != document.ByEdges {
				t.Errorf("found by %s", g.Method)
			}
			for i, corner := range photo.Truth.Quad {
				if off := g.Quad[i].Distance(corner) / photo.Truth.Quad.Width(); off > 0.03 {
					t.Errorf("corner %d is %.1f %% of the width off", i, 100*off)
				}
			}
		})
	}
}

func TestTheZoneAloneIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, kind := range []specimen.Kind{specimen.Passport, specimen.IDCardTD2, specimen.VisaB} {
		picture := clean(t, generate(t, kind, 63, nil), 0)
		m, err := b.reader.ReadMRZ(context.Background(), decode(t, picture.Data))
		if err != nil {
			t.Fatal(err)
		}
		if !m.Found || !m.Valid || !slices.Equal(m.Lines, picture.Truth.MRZ) || m.Agreement == document.NotAsked {
			t.Errorf("%s: found %v, valid %v, %v", kind, m.Found, m.Valid, m.Lines)
		}
		if len(m.Rows) != len(m.Lines) || len(m.Characters) != len(m.Lines) || m.Confidence < 0.5 {
			t.Errorf("%s: %d rows, %d lines of confidences, weakest %.2f", kind, len(m.Rows), len(m.Characters), m.Confidence)
		}
	}
	without := clean(t, generate(t, specimen.LicenceEU, 63, nil), 0)
	m, err := b.reader.ReadMRZ(context.Background(), decode(t, without.Data))
	if err != nil {
		t.Fatal(err)
	}
	if m.Found || m.Valid || m.Reason == "" {
		t.Errorf("a licence without a zone: found %v, reason %q", m.Found, m.Reason)
	}
}

func TestAnEditedZoneIsNotValid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	picture := edited(t)
	r, err := b.reader.Read(context.Background(), document.Input{Front: decode(t, picture.Data), At: specimen.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	if !r.MRZ.Found || r.MRZ.Valid || !slices.Equal(r.MRZ.Lines, picture.Truth.MRZ) {
		t.Errorf("found %v, valid %v, lines %v", r.MRZ.Found, r.MRZ.Valid, r.MRZ.Lines)
	}
}

// edited photographs a passport whose zone was changed without its check digits.
func edited(t *testing.T) *specimen.Picture {
	t.Helper()
	for seed := range uint64(20) {
		picture, err := generate(t, specimen.Passport, 74, nil).Attack(specimen.MRZEdited, specimen.PhotoSpec{Seed: seed, Width: 2000, Height: 1500, Difficulty: 0.1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !picture.Truth.MRZValid {
			return picture
		}
	}
	t.Fatal("every edited zone has right check digits")
	return nil
}

func TestThePortraitIsCut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	portrait, err := b.gallery.Portrait(b.gallery.People()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	d := generate(t, specimen.Passport, 85, portrait)
	picture := clean(t, d, 0)
	r, err := b.reader.Read(context.Background(), document.Input{Front: decode(t, picture.Data), At: specimen.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	if r.Portrait == nil {
		t.Fatal("no portrait")
	}
	i := slices.IndexFunc(picture.Truth.Regions, func(g specimen.Region) bool { return g.Name == "portrait" })
	at, bounds := r.Portrait.Region.Quad.Center(), picture.Truth.Regions[i].Quad.Bounds()
	if at.X < bounds.X0 || at.X > bounds.X1 || at.Y < bounds.Y0 || at.Y > bounds.Y1 {
		t.Errorf("the portrait is at %v, the truth at %v", at, bounds)
	}
	if face := r.Portrait.Face; face.Width() < 40 || face.X0 < 0 || face.X1 > float64(r.Portrait.Image.Width) {
		t.Errorf("face %v in an image of %d × %d", face, r.Portrait.Image.Width, r.Portrait.Image.Height)
	}
}

func TestWhatIsNoDocumentIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	table, noise := vision.NewRGB(1200, 900), vision.NewRGB(900, 700)
	for i := range table.Pix {
		table.Pix[i] = byte(120 + 10*math.Sin(float64(i/3%1200)*0.05))
	}
	for i := range noise.Pix {
		noise.Pix[i] = byte((i*2654435761>>7 ^ i*40503) & 0xff)
	}
	for name, m := range map[string]*vision.RGB{"table": table, "noise": noise} {
		_, err := b.reader.Read(context.Background(), document.Input{Front: vision.NewPyramid(m), At: specimen.Epoch})
		if ekyc.CodeOf(err) != ekyc.ErrDocumentNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.reader.Read(context.Background(), document.Input{}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("no photograph: %v", err)
	}
}

func TestReadersGiveTheSameAtTheSameTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	picture := clean(t, generate(t, specimen.IDCardTD2, 96, nil), 0)
	var group sync.WaitGroup
	results := make([]*document.Reading, 3)
	for i := range results {
		group.Go(func() {
			results[i], _ = b.reader.Read(context.Background(), document.Input{Front: decode(t, picture.Data), At: specimen.Epoch})
		})
	}
	group.Wait()
	for i, r := range results {
		if r == nil || !slices.Equal(r.MRZ.Lines, picture.Truth.MRZ) || len(r.Fields) != len(results[0].Fields) {
			t.Errorf("run %d differs", i)
		}
	}
}

func TestACancelledContextStopsReading(t *testing.T) {
	t.Parallel()
	b := setup(t)
	picture := clean(t, generate(t, specimen.Passport, 97, nil), 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.reader.Read(ctx, document.Input{Front: decode(t, picture.Data), At: specimen.Epoch}); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("read: %v", err)
	}
	if _, err := b.reader.ReadMRZ(ctx, decode(t, picture.Data)); ekyc.CodeOf(err) != ekyc.ErrCancelled {
		t.Errorf("zone: %v", err)
	}
}
