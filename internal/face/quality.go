package face

import (
	"math"
	"slices"

	"ekyc/internal/vision"
)

// QualityCode names one fault of a capture.
type QualityCode string

// The quality codes. None is an error by itself, and none says anything about life.
const (
	TooSmall      QualityCode = "face_too_small"
	Cropped       QualityCode = "face_cropped"
	Blurred       QualityCode = "blurred"
	TooDark       QualityCode = "too_dark"
	TooBright     QualityCode = "too_bright"
	UnevenLight   QualityCode = "uneven_light"
	LowContrast   QualityCode = "low_contrast"
	NotFrontal    QualityCode = "not_frontal"
	EyesClosed    QualityCode = "eyes_closed"
	Occluded      QualityCode = "occluded"
	Sunglasses    QualityCode = "sunglasses"
	MouthCovered  QualityCode = "mouth_covered"
	Grey          QualityCode = "grey"
	Drawn         QualityCode = "not_a_photograph"
	FacesMultiple QualityCode = "faces_multiple"
)

// QualityCodes are all of them.
var QualityCodes = []QualityCode{
	TooSmall, Cropped, Blurred, TooDark, TooBright, UnevenLight, LowContrast, NotFrontal, EyesClosed, Occluded, Sunglasses, MouthCovered, Grey, Drawn, FacesMultiple,
}

// Quality is how well a face was captured.
type Quality struct {
	Score    float64         `json:"score"` // 0 unusable to 1 good
	Codes    []QualityCode   `json:"codes"`
	Advice   []Advice        `json:"advice"` // what to say to the person about the codes, the most important first
	Measures QualityMeasures `json:"measures"`
}

// QualityMeasures are the numbers behind the codes.
type QualityMeasures struct {
	EyeDistance  float64 `json:"eye_distance"`  // pixels
	Outside      float64 `json:"outside"`       // share of the face's outline that lies outside the picture
	Sharpness    float64 `json:"sharpness"`     // energy of the finest octave over that of the next, see sharpness
	Brightness   float64 `json:"brightness"`    // mean luminance of the face, 0 to 1
	Contrast     float64 `json:"contrast"`      // standard deviation of the luminance, 0 to 0.5
	BurntOut     float64 `json:"burnt_out"`     // share of the face at 250 or above
	Unevenness   float64 `json:"unevenness"`    // difference of the two halves over their mean
	Colourful    float64 `json:"colourful"`     // mean distance from grey, 0 to 1
	EyeDarkness  float64 `json:"eye_darkness"`  // luminance of the eye band over that of the cheeks
	MouthUnlike  float64 `json:"mouth_unlike"`  // distance in colour of the lower face from the bridge of the nose
	MouthDetail  float64 `json:"mouth_detail"`  // strength of the mouth's lines over that of the eyes'
	LipRedness   float64 `json:"lip_redness"`   // how much redder than what is around them the lips are
	EyeBalance   float64 `json:"eye_balance"`   // strength of the fainter eye's lines over that of the other's
	FaintHalf    float64 `json:"faint_half"`    // strength of the median gradient over that of the strongest twentieth
	FaintQuarter float64 `json:"faint_quarter"` // of the lower quartile, likewise
	LandmarkFlag float64 `json:"landmark_flag"` // probability that the landmarks sit on a face
	Faces        int     `json:"faces"`
}

// Bounds of the measures. Those of light and size follow the capture advice of ISO/IEC 19794-5 in spirit; all were set where
// at most a few in a hundred ordinary press photographs get the code.
const (
	smallEyeDistance  = 24.0 // pixels: a face of about 60; embeddings lose little above it
	goodEyeDistance   = 60.0 // the recommended minimum for identity photographs
	outsideOutline    = 0.12
	blurredSharpness  = 0.10
	goodSharpness     = 0.25
	darkBrightness    = 0.20
	brightBrightness  = 0.82
	burntOutShare     = 0.15
	lowContrast       = 0.06
	unevenHalves      = 0.60
	frontalYaw        = 30.0 // degrees
	frontalPitch      = 30.0
	frontalRoll       = 35.0
	greyColourfulness = 0.012
	darkEyes          = 0.42
)

// qualitySide is the size at which the face is judged; a smaller face is judged at its own size so that enlarging does not
// pass for blur.
const (
	qualitySide    = 128
	smallestJudged = 32
)

// Quality judges the capture of the scene's subject.
func (a *Analyzer) Quality(p *vision.Pyramid, scene *Scene) Quality {
	f := scene.Face()
	if f.Landmarks == nil {
		codes := []QualityCode{Occluded}
		return Quality{Codes: codes, Advice: AdviceOn(codes), Measures: QualityMeasures{Faces: len(scene.Faces)}}
	}
	side := int(min(qualitySide, max(smallestJudged, f.EyeDistance*112/35))) // ArcFace's eyes are 35 of 112 pixels apart
	colour := alignedView(p, f.Landmarks, side, 1)
	grey := colour.Gray()
	inner := grey.Crop(part(side, 0.2, 0.2, 0.8, 0.95))
	m := QualityMeasures{
		EyeDistance: f.EyeDistance, Outside: outside(f.Landmarks, p.Native().Bounds()),
		Sharpness: sharpness(inner), Brightness: inner.Brightness(), Contrast: inner.Contrast(), BurntOut: inner.Clipped(250),
		LandmarkFlag: f.Flag, Faces: len(scene.Faces),
	}
	left, right := grey.Crop(part(side, 0.2, 0.2, 0.5, 0.95)).Brightness(), grey.Crop(part(side, 0.5, 0.2, 0.8, 0.95)).Brightness()
	m.Unevenness = math.Abs(left-right) / max(0.02, (left+right)/2)
	m.compareParts(colour, side)
	m.measureDetail(alignedView(p, f.Landmarks, detailSide, 1))
	codes := m.codes(f, scene)
	return Quality{Score: m.score(f), Codes: codes, Advice: AdviceOn(codes), Measures: m}
}

// part is a rectangle of the aligned face in shares of its side.
func part(side int, x0, y0, x1, y1 float64) vision.Rect {
	return vision.Rect{X0: x0, Y0: y0, X1: x1, Y1: y1}.Scale(float64(side))
}

// outside is the share of the outline's points beyond the picture's edges.
func outside(l *Landmarks, size vision.Rect) float64 {
	n := 0
	for _, p := range l.Outline() {
		if p.X < size.X0 || p.Y < size.Y0 || p.X > size.X1 || p.Y > size.Y1 {
			n++
		}
	}
	return float64(n) / float64(len(faceOval))
}

// Rounding to bytes alone gives the Laplacian this variance: (4² + 4) / 12.
const roundingEnergy = 20.0 / 12

// leastCoarse is the share of the luminance's variance under which the energy of the coarser octave is not taken: a face that
// is blurred through both octaves is not sharp for having equally little in each.
const leastCoarse = 0.2

// sharpness compares the strength of detail in the finest octave with that in the next: 0 when the raster could be halved
// without loss (a blur, or an enlarged picture), about 0.3 to 0.6 for a face in focus. Light and contrast cancel out.
func sharpness(g *vision.Gray) float64 {
	if g == nil || g.Width < 8 || g.Height < 8 {
		return 0
	}
	fine := max(0, g.Sharpness()-roundingEnergy)
	coarse := g.Resize(g.Width/2, g.Height/2).Sharpness() - roundingEnergy
	deviation := 255 * g.Contrast()
	coarse = max(coarse, leastCoarse*deviation*deviation)
	if coarse <= 0 {
		return 0
	}
	return fine / coarse
}

// compareParts fills in what compares parts of the face: eyes with cheeks, mouth with the rest, colour with grey.
func (m *QualityMeasures) compareParts(face *vision.RGB, side int) {
	cheeks := [3]float64{}
	for _, r := range []vision.Rect{part(side, 0.22, 0.55, 0.38, 0.72), part(side, 0.62, 0.55, 0.78, 0.72)} {
		c := meanColour(face.Crop(r))
		for i := range c {
			cheeks[i] += c[i] / 2
		}
	}
	eyes := meanColour(face.Crop(part(side, 0.22, 0.40, 0.78, 0.53)))
	mouth := meanColour(face.Crop(part(side, 0.34, 0.74, 0.66, 0.94)))
	m.EyeDarkness = luminance(eyes) / max(0.02, luminance(cheeks))
	bridge := meanColour(face.Crop(part(side, 0.43, 0.34, 0.57, 0.54))) // of the nose: a mask leaves it free
	m.MouthUnlike = chromaDistance(mouth, bridge)
	spread := 0.0
	for i := 0; i < len(face.Pix); i += 3 {
		r, g, b := face.Pix[i], face.Pix[i+1], face.Pix[i+2]
		spread += float64(max(r, g, b) - min(r, g, b))
	}
	m.Colourful = spread / (255 * float64(len(face.Pix)/3))
}

// meanColour is the mean of each channel, 0 to 1.
func meanColour(m *vision.RGB) (c [3]float64) {
	if m == nil {
		return
	}
	for i, v := range m.Pix {
		c[i%3] += float64(v)
	}
	for i := range c {
		c[i] /= 255 * float64(len(m.Pix)/3)
	}
	return
}

func luminance(c [3]float64) float64 { return 0.299*c[0] + 0.587*c[1] + 0.114*c[2] }

// chromaDistance is the distance of two colours after their light is divided out, 0 to about 1.
func chromaDistance(a, b [3]float64) float64 {
	sa, sb := max(0.05, a[0]+a[1]+a[2]), max(0.05, b[0]+b[1]+b[2])
	d := 0.0
	for i := range a {
		d = math.Hypot(d, 3*(a[i]/sa-b[i]/sb))
	}
	return d
}

// codes names what is wrong.
func (m QualityMeasures) codes(f *Face, scene *Scene) []QualityCode {
	codes := []QualityCode{}
	for _, c := range []struct {
		code  QualityCode
		holds bool
	}{
		{TooSmall, m.EyeDistance < smallEyeDistance},
		{Cropped, m.Outside > outsideOutline},
		{Blurred, m.Sharpness < blurredSharpness},
		{TooDark, m.Brightness < darkBrightness},
		{TooBright, m.Brightness > brightBrightness || m.BurntOut > burntOutShare},
		{UnevenLight, m.Unevenness > unevenHalves},
		{LowContrast, m.Contrast < lowContrast},
		{NotFrontal, math.Abs(f.Pose.Yaw) > frontalYaw || math.Abs(f.Pose.Pitch) > frontalPitch || math.Abs(f.Pose.Roll) > frontalRoll},
		{EyesClosed, f.Eyes.Left.Closed && f.Eyes.Right.Closed || f.castDown() && m.Brightness >= darkBrightness && m.BurntOut <= burntOutShare},
		{Occluded, m.occluded()},
		{Sunglasses, m.EyeDarkness < darkEyes},
		{MouthCovered, m.mouthCovered()},
		{Grey, m.Colourful < greyColourfulness},
		{Drawn, m.drawn()},
		{FacesMultiple, scene.Competing > 0},
	} {
		if c.holds {
			codes = append(codes, c.code)
		}
	}
	return codes
}

// score multiplies how far each measure is from useless: 1 where nothing is amiss.
func (m QualityMeasures) score(f *Face) float64 {
	ramp := func(v, bad, good float64) float64 { return min(1, max(0, (v-bad)/(good-bad))) }
	factors := []float64{
		ramp(m.EyeDistance, 6, goodEyeDistance),
		ramp(-m.Outside, -0.5, -0.03),
		0.3 + 0.7*ramp(m.Sharpness, 0, goodSharpness),
		ramp(m.Brightness, 0.04, 0.28),
		ramp(-m.Brightness, -0.98, -0.75),
		0.3 + 0.7*ramp(-m.Unevenness, -1.2, -0.4),
		ramp(-math.Abs(f.Pose.Yaw), -80, -20),
		ramp(-math.Abs(f.Pose.Pitch), -80, -25),
		0.2 + 0.8*ramp(m.LandmarkFlag, 0.2, 0.8),
	}
	if slices.Contains(m.codes(f, &Scene{}), Sunglasses) {
		factors = append(factors, 0.6)
	}
	product := 1.0
	for _, k := range factors {
		product *= max(0.02, k)
	}
	return product
}
