// Package card is the accuracy card of faces and liveness: what was measured on which pictures, with the number of trials and exact 95 % bounds
// of every rate, and what that does not prove. `ekyc bench DIR --card FILE` writes it; the program carries the one that was written last.
package card

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Card is the whole.
type Card struct {
	Version    string            `json:"version"` // of the program that was measured
	MeasuredAt time.Time         `json:"measured_at"`
	Command    string            `json:"command"` // how to measure again
	Profile    string            `json:"profile"`
	CPU        string            `json:"cpu"`
	Cores      int               `json:"cores"`
	Models     map[string]string `json:"models"` // SHA-256 by the model's name
	Face       *FaceCard         `json:"face,omitempty"`
	Liveness   *LivenessCard     `json:"liveness,omitempty"`
}

// FaceCard is the comparison of faces.
type FaceCard struct {
	Threshold float64      `json:"threshold"` // similarity from which two faces match unless the caller chooses
	Rows      []FaceErrors `json:"rows"`
	Quality   []FaceCodes  `json:"quality"`
	Sets      []DataSet    `json:"sets"`
	Limits    []string     `json:"limits"` // what the figures do not prove
	LatencyMS Percentiles  `json:"latency_ms"`
}

// FaceErrors are the errors over all pairs within a set, or within a part of it. A face that could not be enrolled is a non-match of each of its mated pairs.
type FaceErrors struct {
	Set             string             `json:"set"`
	Half            string             `json:"half,omitempty"`  // report: the half that nothing was tuned on; tune; empty for the whole
	Slice           string             `json:"slice,omitempty"` // label=value, where the set has labels of its people
	Mated           int                `json:"mated"`
	NonMated        int                `json:"non_mated"`
	FailedToEnrol   Proportion         `json:"failed_to_enrol"`
	FNMRAtFMR1e2    Proportion         `json:"fnmr_at_fmr_1e-2"`
	FNMRAtFMR1e3    Proportion         `json:"fnmr_at_fmr_1e-3"`
	FNMRAtFMR1e4    Proportion         `json:"fnmr_at_fmr_1e-4"`
	FMRAtThreshold  Proportion         `json:"fmr_at_threshold"`
	FNMRAtThreshold Proportion         `json:"fnmr_at_threshold"`
	CosineAtFMR     map[string]float64 `json:"cosine_at_fmr"` // by rate
}

// FaceCodes is how many pictures of a set get each quality code: the false alarms, where the pictures are good ones.
type FaceCodes struct {
	Set   string                `json:"set"`
	Codes map[string]Proportion `json:"codes"`
}

// LivenessCard is presentation attack detection from one picture, in the terms of ISO/IEC 30107-3 and without any laboratory's evaluation after it.
type LivenessCard struct {
	Rows      []AttackErrors `json:"rows"`
	Controls  *Controls      `json:"controls,omitempty"`
	Sets      []DataSet      `json:"sets"`
	Limits    []string       `json:"limits"`
	LatencyMS Percentiles    `json:"latency_ms"`
}

// AttackErrors are the errors of one source of pictures, of all, or of a part.
type AttackErrors struct {
	Source         string                           `json:"source"` // or all
	Half           string                           `json:"half,omitempty"`
	Slice          string                           `json:"slice,omitempty"`
	AUC            *float64                         `json:"auc,omitempty"`               // none without attacks
	BPCER          Proportion                       `json:"bpcer"`                       // the living not called live
	BPCERAtAPCER10 *Proportion                      `json:"bpcer_at_apcer_10,omitempty"` // at the threshold where each species is at 10 % or under; none without attacks
	APCER          map[string]Proportion            `json:"apcer"`                       // by species, called live
	Zones          map[string]map[string]Proportion `json:"zones"`                       // zone, then species or live
	Refused        Proportion                       `json:"refused"`
}

// Controls show how much of the skill is mere sharpness, and how steady the verdict is.
type Controls struct {
	AUCSharpnessMatched float64               `json:"auc_sharpness_matched"`
	AUCSharpnessAlone   float64               `json:"auc_sharpness_alone"`
	Flips               map[string]Proportion `json:"flips"` // by harmless change of the picture
}

// DataSet says what a set of pictures is.
type DataSet struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Proportion is a share of n trials with its exact 95 % bounds (Clopper and Pearson, 1934).
type Proportion struct {
	Value float64 `json:"value"`
	N     int     `json:"n"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Percentiles are times in milliseconds for one 12-megapixel photograph, or two, from file bytes.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	N   int     `json:"n"`
}

//go:embed card.json
var shipped []byte

//go:embed notes.json
var notes []byte

// Shipped is the card of this build. It is read only.
var Shipped = sync.OnceValues(func() (*Card, error) {
	var c Card
	if err := json.Unmarshal(shipped, &c); err != nil {
		return nil, fmt.Errorf("the accuracy card: %w", err)
	}
	return &c, nil
})

// partNotes is what is known about the sets, and what measuring on them cannot prove.
type partNotes struct {
	Sets   []DataSet `json:"sets"`
	Limits []string  `json:"limits"`
}

// Describe adds what is known of the sets that have rows, and the limits.
func (c *Card) Describe() error {
	var known struct{ Face, Liveness partNotes }
	if err := json.Unmarshal(notes, &known); err != nil {
		return fmt.Errorf("notes of the accuracy card: %w", err)
	}
	if c.Face != nil {
		rows := map[string]bool{}
		for _, r := range c.Face.Rows {
			rows[r.Set] = true
		}
		c.Face.Sets, c.Face.Limits = known.Face.about(rows), known.Face.Limits
	}
	if c.Liveness != nil {
		rows := map[string]bool{}
		for _, r := range c.Liveness.Rows {
			rows[r.Source] = true
		}
		c.Liveness.Sets, c.Liveness.Limits = known.Liveness.about(rows), known.Liveness.Limits
	}
	return nil
}

func (n partNotes) about(rows map[string]bool) []DataSet {
	sets := []DataSet{}
	for _, s := range n.Sets {
		if rows[s.Name] {
			sets = append(sets, s)
		}
	}
	return sets
}
