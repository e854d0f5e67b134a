package check

import (
	"slices"

	"ekyc"
)

// pictureRules examine the images: capture faults, which ask for another photograph, and traces of fraud, which do not.
func pictureRules() []rule {
	return []rule{
		{"portrait_present", ekyc.SeverityMajor, portraitPresent},
		{"portrait_plausible", ekyc.SeverityMinor, portraitPlausible},
		{"image_sharpness", ekyc.SeverityMinor, qualityAtLeast("sharpness", leastSharpness, "blurred", func(q *Quality) float64 { return q.Sharpness })},
		{"image_glare", ekyc.SeverityMinor, imageGlare},
		{"image_brightness", ekyc.SeverityMinor, imageBrightness},
		{"image_resolution", ekyc.SeverityMinor, qualityAtLeast("resolution", leastResolution, "low_resolution", func(q *Quality) float64 { return q.Resolution })},
		{"image_coverage", ekyc.SeverityMinor, qualityAtLeast("coverage", leastCoverage, "too_small", func(q *Quality) float64 { return q.Coverage })},
		{"document_cropped", ekyc.SeverityMinor, documentCropped},
		{"alteration_portrait", ekyc.SeverityMajor, trace(AlterationPortrait, "a replaced portrait")},
		{"alteration_text", ekyc.SeverityMajor, trace(AlterationText, "a font or baseline break inside a field")},
		{"alteration_cloned_area", ekyc.SeverityMajor, trace(AlterationCloned, "a cloned area")},
		{"alteration_compression", ekyc.SeverityMajor, trace(AlterationCompression, "an area of other compression")},
		{"alteration_noise", ekyc.SeverityMajor, trace(AlterationNoise, "an area of other noise")},
		{"copy_monochrome", ekyc.SeverityMinor, monochrome},
		{"recapture_screen", ekyc.SeverityMajor, trace(RecaptureScreen, "a photograph of a screen")},
		{"recapture_print", ekyc.SeverityMajor, trace(RecapturePrint, "a photograph of a print-out")},
	}
}

// Limits of the quality measures, each 0 to 1: the ones from which the reader of documents gives its codes. Below them reading begins to fail; a document that could be read all the same is not
// barred by them, so they only say what to do better in the next photograph.
const (
	leastSharpness  = 0.22
	mostGlare       = 0.02
	leastBrightness = 0.18
	mostBrightness  = 0.97
	leastResolution = 0.30
	leastCoverage   = 0.08
)

// Widths of a face as a share of the document's width. ICAO Doc 9303-3 to -7: the portrait is at most 35 mm wide on a TD3 page of 125 mm and
// 25 to 30 mm on a card of 85.6 mm, the face half to four fifths of it; licences print it smaller.
const (
	narrowestFace = 0.05
	widestFace    = 0.42
)

func portraitPresent(s *subject) outcome {
	p := s.in.Portrait
	switch {
	case !s.in.Images:
		return notExecuted("no image was given to look for the portrait")
	case p == nil && s.in.Front != nil:
		return missing("the portrait was not looked for")
	case p == nil, !p.Found && s.in.Front == nil:
		return notExecuted("the side that carries the portrait was not given")
	case !p.Found:
		return missing("no portrait was found on the document")
	}
	return passed("a portrait was found")
}

func portraitPlausible(s *subject) outcome {
	p := s.in.Portrait
	if p == nil || !p.Found || !p.Placed {
		return notExecuted("the place of the portrait is not known")
	}
	inside := p.X >= 0 && p.Y >= 0 && p.X+p.Width <= 1 && p.Y+p.Height <= 1
	var o outcome
	switch {
	case !inside:
		o = warned("the portrait does not lie inside the document")
	case p.Width < narrowestFace || p.Width > widestFace:
		o = warned("the face is %.2f of the document's width, not %.2f to %.2f", p.Width, narrowestFace, widestFace)
	case s.in.Type == ekyc.Passport && p.X+p.Width/2 > 0.5:
		o = warned("the portrait of a passport stands on the left (ICAO Doc 9303-4), this one at %.2f of the width", p.X+p.Width/2)
	default:
		o = passed("the face is %.2f of the document's width and inside it", p.Width)
	}
	return o.with("x", p.X).with("y", p.Y).with("width", p.Width).with("height", p.Height)
}

// poor is a capture fault: minor by itself, and cured by another photograph.
func poor(format string, args ...any) outcome { return failed(format, args...).retakable() }

func (s *subject) quality() (*Quality, outcome) {
	if s.in.Quality == nil {
		return nil, notExecuted("no image was given to measure")
	}
	return s.in.Quality, outcome{}
}

// qualityAtLeast makes a check of a measure that must not be under a limit, or that the reader gave a code for.
func qualityAtLeast(name string, limit float64, code string, measure func(*Quality) float64) func(*subject) outcome {
	return func(s *subject) outcome {
		q, absent := s.quality()
		if q == nil {
			return absent
		}
		value := measure(q)
		if value < limit || slices.Contains(q.Codes, code) {
			return poor("%s %.2f is not sufficient, %.2f and more is", name, value, limit).with(name, value).with("limit", limit)
		}
		return passed("%s %.2f is at least %.2f", name, value, limit).with(name, value).with("limit", limit)
	}
}

func imageGlare(s *subject) outcome {
	q, absent := s.quality()
	if q == nil {
		return absent
	}
	if q.Glare > mostGlare || slices.Contains(q.Codes, "glare") {
		return poor("glare covers %.2f of the document, up to %.2f is well", q.Glare, mostGlare).with("glare", q.Glare).with("limit", mostGlare)
	}
	return passed("glare covers %.2f of the document, at most %.2f", q.Glare, mostGlare).with("glare", q.Glare).with("limit", mostGlare)
}

func imageBrightness(s *subject) outcome {
	q, absent := s.quality()
	if q == nil {
		return absent
	}
	dark := q.Brightness < leastBrightness || slices.Contains(q.Codes, "too_dark")
	bright := q.Brightness > mostBrightness || slices.Contains(q.Codes, "too_bright")
	o := passed("brightness %.2f is within %.2f and %.2f", q.Brightness, leastBrightness, mostBrightness)
	switch {
	case dark:
		o = poor("brightness %.2f is too dark, %.2f to %.2f is well", q.Brightness, leastBrightness, mostBrightness)
	case bright:
		o = poor("brightness %.2f is too bright, %.2f to %.2f is well", q.Brightness, leastBrightness, mostBrightness)
	}
	return o.with("brightness", q.Brightness)
}

func documentCropped(s *subject) outcome {
	q, absent := s.quality()
	if q == nil {
		return absent
	}
	if q.Cropped || slices.Contains(q.Codes, "cropped") {
		return poor("an edge of the document lies outside of the picture").with("coverage", q.Coverage)
	}
	return passed("all edges of the document are in the picture").with("coverage", q.Coverage)
}

// Limits of the measures of alteration, each 0 (no trace) to 1 (certain).
const (
	traceSuspected = 0.5
	traceFound     = 0.9
)

// monochrome asks for a photograph in colour. A picture without colours may be of a copy, and is no less often a scan of the document in grey: it is
// no trace of an alteration.
func monochrome(s *subject) outcome {
	value, measured := s.in.Alterations[CopyMonochrome]
	if !measured {
		return notExecuted("the colours of the picture were not measured")
	}
	o := passed("the picture has colours: the measure of a picture in grey is %.2f, below %.2f", value, traceSuspected)
	if value >= traceSuspected {
		o = warned("the picture has no colours: the measure is %.2f, %.2f and more is a scan in grey or a photograph of a copy", value, traceSuspected).retakable()
	}
	return o.with("measure", value).with("limit", traceSuspected)
}

// trace makes a check of one trace of editing or copying.
func trace(kind Alteration, what string) func(*subject) outcome {
	return func(s *subject) outcome {
		value, measured := s.in.Alterations[kind]
		if !measured {
			return notExecuted("no measure of %s was made", what)
		}
		var o outcome
		switch {
		case value >= traceFound:
			o = failed("the measure of %s is %.2f, %.2f and more is a finding", what, value, traceFound)
		case value >= traceSuspected:
			o = warned("the measure of %s is %.2f, %.2f and more is worth a look", what, value, traceSuspected)
		default:
			o = passed("the measure of %s is %.2f, below %.2f", what, value, traceSuspected)
		}
		return o.with("measure", value).with("limit", traceFound)
	}
}
