package document

import (
	"math"

	"ekyc/internal/vision"
)

// QualityCode names one way in which a photograph falls short; what the person can do about it follows from it.
type QualityCode string

// The codes.
const (
	Blurred       QualityCode = "blurred"
	Glare         QualityCode = "glare"
	TooDark       QualityCode = "too_dark"
	TooBright     QualityCode = "too_bright"
	LowResolution QualityCode = "low_resolution"
	CutOff        QualityCode = "cropped"
	TooSmall      QualityCode = "too_small"
	// SeveralDocuments: there is another document in the picture. MirroredPicture: it shows the document as a mirror does.
	SeveralDocuments QualityCode = "several_documents"
	MirroredPicture  QualityCode = "mirrored"
)

// Quality is how well the document can be seen. All numbers are 0 to 1. Sharpness: of print, 0.5 is readable. Glare: share of the
// document that is burnt out. Brightness: mean luminance. Resolution: 1 from 300 dots an inch on. Coverage: share of the photograph.
type Quality struct {
	Sharpness  float64       `json:"sharpness"`
	Glare      float64       `json:"glare"`
	Brightness float64       `json:"brightness"`
	Resolution float64       `json:"resolution"`
	Coverage   float64       `json:"coverage"`
	Cropped    bool          `json:"cropped"`
	Codes      []QualityCode `json:"codes"`
}

const (
	qualityWidth = 640 // sharpness depends on the scale, so it is measured at one
	// halfSharp is the variance of the Laplacian at which print of 2 mm is just readable at that scale, on an image whose luminance has the
	// variance usualVariance; dim light makes both smaller. leastVariance keeps an empty image from becoming sharp noise.
	halfSharp, usualVariance, leastVariance = 180.0, 2000.0, 60.0
	// burnt is the luminance of glare, paperWhite the median from which a bright document counts as a scan on white, where burning cannot be told.
	burnt, paperWhite = 250, 244
	// fullResolution is 300 dots an inch, which ICAO 9303 asks of scanned portraits, in pixels a millimetre.
	fullResolution = 300 / 25.4
	// cardWidth stands for the document's width where it is not known.
	cardWidth = 100.0
)

// Limits of the codes.
const (
	leastSharpness, mostGlare              = 0.22, 0.02
	leastBrightness, mostBrightness        = 0.18, 0.97
	leastResolution, leastDocumentCoverage = 0.30, 0.08
)

// measureQuality looks at the rectified image of a side.
func measureQuality(m *vision.RGB, g Geometry) Quality {
	gray := m.Gray()
	height := max(32, int(math.Round(float64(gray.Height)*qualityWidth/float64(gray.Width))))
	scaled := gray.Resize(qualityWidth, height)
	deviation := 255 * scaled.Contrast()
	sharp := scaled.Sharpness() * usualVariance / max(leastVariance, deviation*deviation)
	q := Quality{
		Sharpness:  sharp / (sharp + halfSharp),
		Brightness: gray.Brightness(),
		Coverage:   g.Coverage,
		Cropped:    g.Cropped,
	}
	if gray.Percentile(0.5) < paperWhite {
		q.Glare = scaled.Clipped(burnt)
	}
	perMM := g.PixelsPerMM
	if perMM == 0 {
		perMM = max(g.Quad.Width(), g.Quad.Height()) / cardWidth
	}
	q.Resolution = min(1, perMM/fullResolution)
	q.Codes = q.codes()
	if g.Mirrored {
		q.Codes = append(q.Codes, MirroredPicture)
	}
	if g.Others > 0 {
		q.Codes = append(q.Codes, SeveralDocuments)
	}
	return q
}

func (q Quality) codes() []QualityCode {
	codes := []QualityCode{}
	for _, c := range []struct {
		code QualityCode
		has  bool
	}{
		{Blurred, q.Sharpness < leastSharpness},
		{Glare, q.Glare > mostGlare},
		{TooDark, q.Brightness < leastBrightness},
		{TooBright, q.Brightness > mostBrightness},
		{LowResolution, q.Resolution < leastResolution},
		{CutOff, q.Cropped},
		{TooSmall, q.Coverage < leastDocumentCoverage},
	} {
		if c.has {
			codes = append(codes, c.code)
		}
	}
	return codes
}
