package face

import (
	"math"

	"ekyc/internal/vision"
)

// What covers a part of a face takes its detail away: lids, lashes and lips are strong horizontal lines in every face, whatever its
// colour and light. The bounds were set on masks, hands and things that are drawn before the faces of the pinned photographs, and on LFW,
// where one of 1,666 bare faces lies beyond them (a man who shouts).
const (
	detailSide = 96 // pixels of the aligned face at which detail is compared; a small face has less of it everywhere
	// Detail of the mouth over that of the eyes: 0.31 at the lowest half percent of LFW, 0.11 to 0.28 under masks and hands.
	plainMouth     = 0.25
	plainMouthGrey = 0.28 // where there is no colour to go by as well
	// Lips are redder than what is around them, 0.02 at the lowest half percent of LFW and less where they are covered; and the mouth has the
	// colour of the face. Both count only where the mouth has little detail: dark beards and open mouths are unlike the face too.
	paleLips      = 0.03
	paleDetail    = 0.40
	unlikeMouth   = 0.30
	unlikeDetail  = 0.60
	coveredEye    = 0.30 // detail of one eye over that of the other: 0.51 at the lowest half percent of LFW, 0.18 and less behind a thing
	surelyAligned = 0.99 // all but 2 of 1,666 faces of LFW have a surer landmark flag; one in four masked and every second half face has not
	darkLevels    = 8.0  // added to grey levels before the logarithm, so that noise in the dark is no detail
	leastDetail   = 1e-3
)

// Places of the aligned face, in shares of its side.
var (
	mouthPlace    = vision.Rect{X0: 0.34, Y0: 0.70, X1: 0.66, Y1: 0.97}
	lipsPlace     = vision.Rect{X0: 0.40, Y0: 0.68, X1: 0.60, Y1: 0.98}
	rightEyePlace = vision.Rect{X0: 0.20, Y0: 0.38, X1: 0.47, Y1: 0.54}
	leftEyePlace  = vision.Rect{X0: 0.53, Y0: 0.38, X1: 0.80, Y1: 0.54}
)

// measureDetail fills in where the aligned face, detailSide pixels wide, has the detail that a bare face has.
func (m *QualityMeasures) measureDetail(face *vision.RGB) {
	light := logLight(face)
	right, left := lines(light, rightEyePlace), lines(light, leftEyePlace)
	m.MouthDetail = lines(light, mouthPlace) / max(leastDetail, (right+left)/2)
	m.EyeBalance = min(right, left) / max(leastDetail, right, left)
	m.LipRedness = spreadAlong(redness(face, lipsPlace))
	m.measureInk(light)
}

// mouthCovered says whether a mask or a hand is before the mouth.
func (m *QualityMeasures) mouthCovered() bool {
	if m.Colourful < greyColourfulness {
		return m.MouthDetail < plainMouthGrey
	}
	return m.MouthDetail < plainMouth || m.LipRedness < paleLips && m.MouthDetail < paleDetail || m.MouthUnlike > unlikeMouth && m.MouthDetail < unlikeDetail
}

// occluded says whether something is before the face, or so much of it that landmarks do not sit surely.
func (m *QualityMeasures) occluded() bool {
	return m.LandmarkFlag < surelyAligned || m.EyeBalance < coveredEye
}

// logLight is the logarithm of the luminance: light that falls more on one part than on another does not change its differences.
func logLight(m *vision.RGB) []float64 {
	out := make([]float64, m.Width*m.Height)
	for i := range out {
		p := m.Pix[3*i : 3*i+3]
		out[i] = math.Log(luminance([3]float64{float64(p[0]), float64(p[1]), float64(p[2])}) + darkLevels)
	}
	return out
}

// lines is the mean strength of horizontal lines in a place of the aligned face.
func lines(light []float64, place vision.Rect) float64 {
	sum, n := 0.0, 0
	for y := int(place.Y0 * detailSide); y < int(place.Y1*detailSide); y++ {
		for x := int(place.X0 * detailSide); x < int(place.X1*detailSide); x++ {
			sum += math.Abs(light[(y+1)*detailSide+x] - light[y*detailSide+x])
			n++
		}
	}
	return sum / float64(n)
}

// redness is the mean share of red over green of each row of a place, from the top.
func redness(m *vision.RGB, place vision.Rect) []float64 {
	const dark = 30.0 // added to the sum of the channels, so that noise in the dark has no colour
	var rows []float64
	for y := int(place.Y0 * detailSide); y < int(place.Y1*detailSide); y++ {
		sum, n := 0.0, 0
		for x := int(place.X0 * detailSide); x < int(place.X1*detailSide); x++ {
			p := m.Pix[3*(y*detailSide+x):][:3]
			sum += (float64(p[0]) - float64(p[1])) / (float64(p[0]) + float64(p[1]) + float64(p[2]) + dark)
			n++
		}
		rows = append(rows, sum/float64(n))
	}
	return rows
}

// spreadAlong is the largest minus the smallest of a row of values after its straight trend is taken out.
func spreadAlong(v []float64) float64 {
	middle := float64(len(v)-1) / 2
	slope, norm := 0.0, 0.0
	for i, x := range v {
		t := float64(i) - middle
		slope, norm = slope+t*x, norm+t*t
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i, x := range v {
		r := x - slope/norm*(float64(i)-middle)
		low, high = min(low, r), max(high, r)
	}
	return high - low
}
