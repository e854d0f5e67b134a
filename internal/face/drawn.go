package face

import (
	"math"
	"slices"

	"ekyc/internal/vision"
)

// A photograph of a face has faint detail everywhere: skin, shade and the noise of the camera. A drawing has lines and plain areas. Measured by
// how strong the faint half and the faintest quarter of the face's gradients are, over the strongest twentieth: light, contrast and colour cancel out, and
// blur makes both more. Of 1,988 photographs (LFW, press, the living of the attack set) none lies under either bound; drawings, pencil sketches and pictures
// in few colours, made of pinned photographs, mostly do.
const (
	drawnHalf    = 0.042 // least in LFW 0.071, in press photographs 0.046, of the living 0.063
	drawnQuarter = 0.004 // 0.029, 0.017, 0.006
)

// inkPlace is the inside of the aligned face, in shares of its side.
var inkPlace = vision.Rect{X0: 18.0 / 96, Y0: 15.0 / 96, X1: 77.0 / 96, Y1: 89.0 / 96}

// measureInk fills in how faint the face's detail is.
func (m *QualityMeasures) measureInk(light []float64) {
	var strength []float64
	for y := int(inkPlace.Y0 * detailSide); y < int(inkPlace.Y1*detailSide); y++ {
		for x := int(inkPlace.X0 * detailSide); x < int(inkPlace.X1*detailSide); x++ {
			at := y*detailSide + x
			strength = append(strength, math.Hypot(light[at+1]-light[at], light[at+detailSide]-light[at]))
		}
	}
	slices.Sort(strength)
	share := func(k float64) float64 { return strength[int(k*float64(len(strength)-1))] }
	if strong := share(0.95); strong > 0 {
		m.FaintHalf, m.FaintQuarter = share(0.5)/strong, share(0.25)/strong
	}
}

// drawn says whether the face looks drawn.
func (m *QualityMeasures) drawn() bool {
	return m.FaintHalf < drawnHalf || m.FaintQuarter < drawnQuarter
}
