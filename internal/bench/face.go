package bench

import (
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// falseMatchRates are the operating points at which the share of missed matches is quoted.
var falseMatchRates = map[string]float64{"0.01": 0.01, "0.001": 0.001, "0.0001": 0.0001}

// failedToEnrol is the score of a comparison with a face that could not be enrolled: below every cosine.
const failedToEnrol = -2

// template is one enrolled file; ok is false when no face was found in it.
type template struct {
	embedding face.Embedding
	codes     []face.QualityCode
	ok        bool
}

// face compares every mated and every cross-identity pair within each sub-folder, and apart from that the pairs of the
// official protocols.
func (b *Bench) face(ctx context.Context) (*FaceResult, error) {
	dir := filepath.Join(b.dir, "faces")
	rows, err := readTable(filepath.Join(dir, "identities.csv"))
	if err != nil {
		return nil, err
	}
	identity := map[string]string{}
	var files []string
	for _, row := range rows {
		if b.split.keeps(row["identity"]) {
			files = append(files, row["file"])
			identity[row["file"]] = row["identity"]
		}
	}
	templates, err := b.enrol(ctx, files)
	if err != nil {
		return nil, err
	}
	result := &FaceResult{Groups: map[string]FaceGroup{}, Protocol: map[string]FaceGroup{}}
	groups := map[string][]string{}
	for _, f := range files {
		groups[path.Dir(f)] = append(groups[path.Dir(f)], f)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		result.Groups[name] = b.allPairs(groups[name], identity, templates)
		for _, part := range b.partsOf(rows, "identity") {
			var members []string
			for _, f := range groups[name] {
				if part.keeps[f] {
					members = append(members, f)
				}
			}
			if len(members) > 0 {
				result.Parts = append(result.Parts, FacePart{name, part.half, part.slice, b.allPairs(members, identity, templates)})
			}
		}
	}
	if exists(dir, "pairs.csv") {
		if err := b.protocols(filepath.Join(dir, "pairs.csv"), identity, templates, result.Protocol); err != nil {
			return nil, err
		}
	}
	result.Latency, err = b.timeComparisons(ctx)
	return result, err
}

// enrol makes the templates of all files.
func (b *Bench) enrol(ctx context.Context, files []string) (map[string]template, error) {
	made := make([]template, len(files))
	err := b.each(ctx, "face", len(files), func(i int) error {
		data, err := b.read("faces", files[i])
		if err != nil {
			return err
		}
		sample, err := b.sample(ctx, data)
		if ekyc.CodeOf(err) == ekyc.ErrCancelled {
			return err
		}
		if err != nil {
			b.fault("faces/"+files[i], "not enrolled: "+string(ekyc.CodeOf(err)))
			return nil
		}
		made[i] = template{sample.Embedding, sample.Quality.Codes, true}
		return nil
	})
	templates := make(map[string]template, len(files))
	for i, f := range files {
		templates[f] = made[i]
	}
	return templates, err
}

func (b *Bench) sample(ctx context.Context, data []byte) (*face.Sample, error) {
	picture, err := vision.Decode(data, faceLimits)
	if err != nil {
		return nil, err
	}
	return b.engine.Faces().Enrol(ctx, picture.Pyramid)
}

// comparisons are scores of pairs, by whether the two are of one person.
type comparisons struct{ mated, nonMated []float64 }

func (c *comparisons) add(x, y template, same bool) {
	score := float64(failedToEnrol)
	if x.ok && y.ok {
		score = face.Cosine(x.embedding, y.embedding)
	}
	if same {
		c.mated = append(c.mated, score)
	} else if x.ok && y.ok {
		c.nonMated = append(c.nonMated, score)
	}
}

func (b *Bench) allPairs(files []string, identity map[string]string, templates map[string]template) FaceGroup {
	var c comparisons
	var failed tally
	for i, f := range files {
		failed.add(!templates[f].ok)
		for _, g := range files[:i] {
			c.add(templates[f], templates[g], identity[f] == identity[g])
		}
	}
	g := b.faceGroup(c, failed.rate())
	g.Quality = qualityCodes(files, templates)
	return g
}

// qualityCodes counts how many of the enrolled files have each code.
func qualityCodes(files []string, templates map[string]template) map[string]Rate {
	rates := map[string]Rate{}
	for _, code := range face.QualityCodes {
		var t tally
		for _, f := range files {
			if templates[f].ok {
				t.add(slices.Contains(templates[f].codes, code))
			}
		}
		rates[string(code)] = t.rate()
	}
	return rates
}

// protocols scores the listed pairs by their origin; pairs of which one file is outside of the split are left out.
func (b *Bench) protocols(file string, identity map[string]string, templates map[string]template, into map[string]FaceGroup) error {
	rows, err := readTable(file)
	if err != nil {
		return err
	}
	scores, failed := map[string]*comparisons{}, map[string]*tally{}
	for _, row := range rows {
		x, y := row["a"], row["b"]
		if identity[x] == "" || identity[y] == "" {
			continue
		}
		if scores[row["origin"]] == nil {
			scores[row["origin"]], failed[row["origin"]] = &comparisons{}, &tally{}
		}
		scores[row["origin"]].add(templates[x], templates[y], row["same"] == "1")
		failed[row["origin"]].add(!templates[x].ok || !templates[y].ok)
	}
	for origin, c := range scores {
		into[origin] = b.faceGroup(*c, failed[origin].rate())
	}
	return nil
}

func (b *Bench) faceGroup(c comparisons, failed Rate) FaceGroup {
	g := FaceGroup{
		Mated: len(c.mated), NonMated: len(c.nonMated), FailedEnrol: failed,
		AUC: AUC(c.mated, c.nonMated), EER: EER(c.mated, c.nonMated),
		FNMRAtFMR: map[string]Rate{}, CosineAtFMR: map[string]float64{},
	}
	for name, rate := range falseMatchRates {
		miss, threshold := MissAtFalseRate(c.mated, c.nonMated, rate)
		g.FNMRAtFMR[name], g.CosineAtFMR[name] = miss, threshold
	}
	cosine := b.engine.Faces().Calibration().CosineAt(face.DefaultThreshold)
	var falseMatch, falseNonMatch tally
	for _, s := range c.nonMated {
		falseMatch.add(s >= cosine)
	}
	for _, s := range c.mated {
		falseNonMatch.add(s < cosine)
	}
	g.AtDefault = FaceAtDefault{face.DefaultThreshold, falseMatch.rate(), falseNonMatch.rate()}
	return g
}

// source is the part of a file name before the first underscore; it names the collection that a picture comes from.
func source(file string) string {
	name, _, _ := strings.Cut(path.Base(file), "_")
	return name
}
