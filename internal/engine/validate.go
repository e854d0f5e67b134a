package engine

import (
	"time"

	"ekyc/internal/document"
	"ekyc/internal/document/barcode"
	"ekyc/internal/document/check"
)

// Validate judges what was read of a document. It is a pure function of its arguments.
func (e *Engine) Validate(r *document.Reading, policy check.Policy, at time.Time) check.Result {
	return check.Validate(checkInput(r, policy, at))
}

// checkInput puts a reading into the terms of the checks: every reading of every source, and what was examined at all.
func checkInput(r *document.Reading, policy check.Policy, at time.Time) check.Input {
	in := check.Input{
		Type: r.Detected.Type, Subtype: r.Detected.Subtype, Country: r.Detected.Country,
		Fields: map[check.Key][]check.Field{}, Images: len(r.Sides) > 0, At: at, Policy: policy,
	}
	for key, readings := range r.Readings {
		for _, f := range readings {
			in.Fields[check.Key(key)] = append(in.Fields[check.Key(key)], check.Field{
				Value: f.Value, Raw: f.Raw, Source: check.Source(f.Source), Confidence: f.Confidence, Side: sideOf(f.Region),
			})
		}
	}
	in.MRZ = checkMRZ(r.MRZ)
	if !in.Images {
		return in
	}
	in.Barcode = BarcodeOf(r.Barcodes)
	in.Front = checkSide(r.Sides[0])
	if len(r.Sides) > 1 {
		in.Back = checkSide(r.Sides[1])
	}
	in.Portrait = checkPortrait(r)
	q := r.Quality
	in.Quality = &check.Quality{
		Sharpness: q.Sharpness, Glare: q.Glare, Brightness: q.Brightness, Resolution: q.Resolution, Coverage: q.Coverage, Cropped: q.Cropped,
	}
	for _, code := range q.Codes {
		in.Quality.Codes = append(in.Quality.Codes, string(code))
	}
	for _, side := range r.Sides {
		for _, line := range side.Text {
			in.Text = append(in.Text, line.Text)
		}
	}
	in.SpecimenWords = r.Specimen
	in.Alterations = map[check.Alteration]float64{}
	for trace, measure := range r.Traces {
		in.Alterations[check.Alteration(trace)] = measure
	}
	return in
}

func checkSide(s document.Side) *check.Side {
	return &check.Side{Types: s.Shown.Types, Country: s.Shown.Country}
}

// sideOf is the check's number of a side; 0 where the place is not known.
func sideOf(region *document.Region) int {
	if region == nil {
		return 0
	}
	return region.Side + check.SideFront
}

func checkMRZ(m *document.MRZ) *check.MRZ {
	if m == nil {
		return nil
	}
	out := &check.MRZ{
		Lines: m.Lines, Seen: m.Found || m.Reason == document.MRZIllegible || m.Reason == document.MRZFormat,
		Weak: m.Weak, Confidence: m.Confidence, Agreement: check.Agreement(m.Agreement),
	}
	if m.Agreement == document.Differs && m.Valid {
		out.Agreement = check.Outweighed
	}
	if m.Found {
		out.Side = sideOf(&m.Region)
	}
	return out
}

// BarcodeOf puts what was read of bar codes into the terms of the checks.
func BarcodeOf(found []document.BarcodeReading) *check.Barcode {
	out := &check.Barcode{}
	for _, b := range found {
		out.Seen, out.Read, out.Symbology, out.Side = true, true, string(b.Symbol.Format), sideOf(&b.Region)
		if b.Licence != nil {
			out.Standard = "AAMVA"
			for _, fault := range b.Licence.Faults {
				if barcode.Harmless(fault) {
					out.Departures = append(out.Departures, fault)
				} else {
					out.Faults = append(out.Faults, fault)
				}
			}
			break
		}
	}
	return out
}

// checkPortrait gives the portrait's place as shares of the rectified side.
func checkPortrait(r *document.Reading) *check.Portrait {
	if r.Portrait == nil {
		return &check.Portrait{}
	}
	out := &check.Portrait{Found: true, Side: sideOf(&r.Portrait.Region)}
	side := r.Portrait.Region.Side
	if side >= len(r.Sides) || r.Sides[side].Image == nil {
		return out
	}
	box := r.Portrait.OnSide()
	w, h := float64(r.Sides[side].Image.Width), float64(r.Sides[side].Image.Height)
	out.Placed = true
	out.X, out.Y, out.Width, out.Height = box.X0/w, box.Y0/h, box.Width()/w, box.Height()/h
	return out
}
