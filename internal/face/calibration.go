package face

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"ekyc"
)

// Calibration turns cosines of one set of embedding models into error rates and into the similarity that clients see. It is
// a table of quantiles: nothing of the pictures that it was measured on is in it.
type Calibration struct {
	Model    string  `json:"model"` // Analyzer.ModelID of the models
	Set      string  `json:"set"`   // what was measured
	Mated    int     `json:"mated"`
	NonMated int     `json:"non_mated"`
	Points   []Point `json:"points"` // by rising cosine
}

// Point says how often a threshold at this cosine errs, and which similarity it is called.
type Point struct {
	Cosine     float64 `json:"cosine"`
	FMR        float64 `json:"fmr"`  // share of the comparisons of different persons at or above it
	FNMR       float64 `json:"fnmr"` // share of the comparisons of one person below it
	Similarity float64 `json:"similarity"`
}

// DefaultThreshold is the similarity from which two faces are called one person's: false match rate 1 in 10 000.
const DefaultThreshold = 0.75

//go:embed calibration.json
var calibrationData []byte

// shippedCalibration is the table of a model set. Errors: ErrInvalidArgument when it was never calibrated.
func shippedCalibration(modelID string) (*Calibration, error) {
	var all []Calibration
	if err := json.Unmarshal(calibrationData, &all); err != nil {
		return nil, fmt.Errorf("calibration table: %w", err)
	}
	for i := range all {
		if all[i].Model == modelID {
			return &all[i], all[i].validate()
		}
	}
	return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the face embedding models %s have no calibration", modelID)
}

// validate refuses a table that is not monotone.
func (c *Calibration) validate() error {
	if len(c.Points) < 2 {
		return fmt.Errorf("calibration of %s has fewer than two points", c.Model)
	}
	for i, p := range c.Points[1:] {
		q := c.Points[i]
		if !(p.Cosine > q.Cosine && p.FMR <= q.FMR && p.FMR > 0 && p.FNMR >= q.FNMR && p.Similarity > q.Similarity) {
			return fmt.Errorf("calibration of %s is not monotone at cosine %v", c.Model, p.Cosine)
		}
	}
	return nil
}

// rarest is the lowest false match rate that the table was measured down to.
func (c *Calibration) rarest() float64 { return c.Points[len(c.Points)-1].FMR }

// Similarity is the calibrated similarity of a cosine, 0 to 1; 0.75 is the point of FMR 1 in 10 000.
func (c *Calibration) Similarity(cosine float64) float64 {
	return c.read(cosine, cosineOf, func(p Point) float64 { return p.Similarity })
}

// CosineAt is the cosine of a similarity.
func (c *Calibration) CosineAt(similarity float64) float64 {
	return c.read(similarity, func(p Point) float64 { return p.Similarity }, cosineOf)
}

// FMRAt is the false match rate of a threshold at this cosine. Beyond the last measured rate it stays there: no rate is
// promised that was not measured.
func (c *Calibration) FMRAt(cosine float64) float64 {
	return math.Exp(c.read(cosine, cosineOf, logFMR))
}

// FNMRAt is the false non-match rate of a threshold at this cosine.
func (c *Calibration) FNMRAt(cosine float64) float64 {
	return c.read(cosine, cosineOf, func(p Point) float64 { return p.FNMR })
}

// CosineAtFMR is the threshold for a wanted false match rate, the strictest measured one where less is wanted.
func (c *Calibration) CosineAtFMR(fmr float64) float64 {
	return c.read(-math.Log(max(fmr, math.SmallestNonzeroFloat64)), func(p Point) float64 { return -logFMR(p) }, cosineOf)
}

func cosineOf(p Point) float64 { return p.Cosine }
func logFMR(p Point) float64   { return math.Log(p.FMR) }

// read interpolates linearly between the points; from rises along the table. Outside it the ends hold.
func (c *Calibration) read(at float64, from, to func(Point) float64) float64 {
	if math.IsNaN(at) {
		return to(c.Points[0])
	}
	i, _ := slices.BinarySearchFunc(c.Points, at, func(p Point, at float64) int {
		if from(p) < at {
			return -1
		}
		return 1
	})
	switch i {
	case 0:
		return to(c.Points[0])
	case len(c.Points):
		return to(c.Points[i-1])
	}
	low, high := c.Points[i-1], c.Points[i]
	k := (at - from(low)) / (from(high) - from(low))
	return to(low) + k*(to(high)-to(low))
}
