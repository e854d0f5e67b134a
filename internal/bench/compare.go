package bench

import (
	"maps"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"ekyc"
)

// Difference is what changed between two runs in one part of the folder, file by file.
type Difference struct {
	Part    string
	Worse   []string // files that were right and are wrong now
	Better  []string // files that were wrong and are right now
	PValue  float64  // two-sided exact McNemar test on the files that changed; 1 when none did
	Changed bool     // PValue under 0.05
}

// significance is the level at which a difference is called one.
const significance = 0.05

// Compare pairs the files of two runs over the same folder. Parts that one of the runs left out are not compared; of faces only
// enrolment is told file by file, since an error of a comparison belongs to two files. Errors: ErrInvalidArgument for runs over
// different halves.
func Compare(before, after *Result) ([]Difference, error) {
	if before.Split != after.Split {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the runs are over different halves of the folder and cannot be compared")
	}
	byPart := map[string]*Difference{}
	for _, part := range sharedParts(before, after) {
		byPart[part] = &Difference{Part: part}
	}
	for file := range after.Files {
		if d := byPart[partOf(file)]; d != nil && before.Files[file] == "" {
			d.Worse = append(d.Worse, file)
		}
	}
	for file := range before.Files {
		if d := byPart[partOf(file)]; d != nil && after.Files[file] == "" {
			d.Better = append(d.Better, file)
		}
	}
	var all []Difference
	for _, part := range slices.Sorted(maps.Keys(byPart)) {
		d := byPart[part]
		slices.Sort(d.Worse)
		slices.Sort(d.Better)
		d.PValue = mcNemar(len(d.Worse), len(d.Better))
		d.Changed = d.PValue < significance
		all = append(all, *d)
	}
	return all, nil
}

// partOf is the folder that a file's place begins with.
func partOf(file string) string {
	part, _, _ := strings.Cut(file, "/")
	return part
}

func sharedParts(before, after *Result) []string {
	var parts []string
	for _, p := range []struct {
		name string
		both bool
	}{
		{"faces", before.Face != nil && after.Face != nil},
		{"spoof", before.Liveness != nil && after.Liveness != nil},
		{"documents", before.Document != nil && after.Document != nil},
		{"mrz", before.MRZ != nil && after.MRZ != nil},
		{"aamva", before.AAMVA != nil && after.AAMVA != nil},
		{"lists", before.Profile != nil && after.Profile != nil},
		{"hostile", before.Hostile != nil && after.Hostile != nil},
		{"exif", before.EXIF != nil && after.EXIF != nil},
	} {
		if p.both {
			parts = append(parts, p.name)
		}
	}
	return parts
}

// mcNemar is the probability that a fair coin, thrown once for each file that changed, falls at least as one-sidedly.
func mcNemar(worse, better int) float64 {
	n := worse + better
	if n == 0 {
		return 1
	}
	coin := distuv.Binomial{N: float64(n), P: 0.5}
	return min(1, 2*coin.CDF(float64(min(worse, better))))
}
