package face

import (
	"math"
	"slices"

	"ekyc"
)

// rarestEvents is how many false matches a measured rate must rest on to enter the table.
const rarestEvents = 10

// tableRates are the false match rates at which the table has points, where there are comparisons enough.
var tableRates = []float64{0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5, 5e-6, 2e-6, 1e-6}

// Calibrate makes the table of a model set from the cosines of comparisons of the same and of different persons. Between the
// table's ends similarity follows the false match rate: 0.5 at 1 in 100, then an eighth more for each further factor of ten,
// so that 0.75 is 1 in 10 000. Above the rarest rate that was measured it rises to 0.99 at the 99th percentile of the same
// persons. Errors: ErrInvalidArgument for too few comparisons or cosines that do not separate.
func Calibrate(model, set string, mated, nonMated []float64) (*Calibration, error) {
	same, other := slices.Sorted(slices.Values(mated)), slices.Sorted(slices.Values(nonMated))
	if len(same) < 100 || float64(len(other))*DefaultRate < rarestEvents {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%d and %d comparisons are too few to calibrate on", len(same), len(other))
	}
	fnmr := func(cosine float64) float64 {
		below, _ := slices.BinarySearch(same, cosine)
		return float64(below) / float64(len(same))
	}
	c := &Calibration{Model: model, Set: set, Mated: len(same), NonMated: len(other), Points: []Point{{Cosine: -1, FMR: 1}}}
	add := func(cosine, fmr, similarity float64) {
		cosine = math.Round(cosine*1e5) / 1e5
		if cosine > c.Points[len(c.Points)-1].Cosine {
			c.Points = append(c.Points, Point{cosine, fmr, fnmr(cosine), math.Round(similarity*1e5) / 1e5})
		}
	}
	floor := 1.0
	for _, rate := range tableRates {
		k := int(rate * float64(len(other)))
		if k < rarestEvents {
			break
		}
		add(other[len(other)-k], rate, similarityOf(rate))
		floor = rate
	}
	add(same[int(0.99*float64(len(same)))], floor, 0.99)
	add(1, floor, 1)
	if err := c.validate(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the cosines do not tell persons apart").Because(err)
	}
	return c, nil
}

// DefaultRate is the false match rate at DefaultThreshold.
const DefaultRate = 1e-4

// similarityOf is the similarity of a threshold with this false match rate.
func similarityOf(fmr float64) float64 {
	decades := -math.Log10(fmr)
	if decades < 2 {
		return decades / 4
	}
	return 0.25 + decades/8
}

// publishedRates are the false match rates whose cosines a model's card has to give.
var publishedRates = []float64{1e-2, 1e-3, 1e-4}

// CalibrationOfCard makes the table of a model that comes with the cosines of its false match rates 1 in 100, 1 in 1,000 and 1 in
// 10,000, in this order, instead of comparisons: between and beyond them it is interpolated, and how often it misses is not known (FNMR
// 0). Errors: ErrInvalidArgument for cosines that do not rise or lie outside -1 to 1.
func CalibrationOfCard(model string, cosines [3]float64) (*Calibration, error) {
	c := &Calibration{Model: model, Set: "the model's card", Points: []Point{{Cosine: -1, FMR: 1}}}
	for i, rate := range publishedRates {
		c.Points = append(c.Points, Point{Cosine: cosines[i], FMR: rate, Similarity: similarityOf(rate)})
	}
	c.Points = append(c.Points, Point{Cosine: 1, FMR: publishedRates[len(publishedRates)-1], Similarity: 1})
	if err := c.validate(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the cosines of %s do not rise with rarer false matches", model).Because(err)
	}
	return c, nil
}
