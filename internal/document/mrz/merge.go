package mrz

import "strings"

// Align finds, for every character of first, the index of the character of second that stands for it, -1 where second has none,
// by the least number of insertions, deletions and substitutions. Both are in the zone's alphabet.
func Align(first, second string) []int {
	cost := make([][]int, len(first)+1)
	for i := range cost {
		cost[i] = make([]int, len(second)+1)
		cost[i][0] = i * gapCost
	}
	for k := range second {
		cost[0][k+1] = (k + 1) * gapCost
	}
	for i := range len(first) {
		for k := range len(second) {
			cost[i+1][k+1] = min(cost[i][k]+substitution(first[i], second[k]), cost[i][k+1]+gapCost, cost[i+1][k]+gapCost)
		}
	}
	indices := make([]int, len(first))
	i, k := len(first), len(second)
	for i > 0 {
		switch {
		case k > 0 && cost[i][k] == cost[i-1][k-1]+substitution(first[i-1], second[k-1]):
			i, k = i-1, k-1
			indices[i] = k
		case cost[i][k] == cost[i-1][k]+gapCost:
			i--
			indices[i] = -1
		default:
			k--
		}
	}
	return indices
}

// A substitution costs less than a deletion and an insertion, and more than one of them: a wrong letter stays in its place.
const (
	gapCost        = 2
	substituteCost = 3
)

func substitution(a, b byte) int {
	if a == b {
		return 0
	}
	return substituteCost
}

// Difference is a character on which two readers disagree.
type Difference struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	First   string `json:"first"`
	Second  string `json:"second"`
	Covered bool   `json:"covered"`
}

// Agreement compares a reading with a second reader's.
type Agreement struct {
	// Compared characters have a counterpart in the second reading, Agreed ones the same.
	Compared int `json:"compared"`
	Agreed   int `json:"agreed"`
	// Missing characters under a check digit have no counterpart.
	Missing     int          `json:"missing"`
	Differences []Difference `json:"differences,omitempty"`
}

// Holds says that every character under a check digit was read by both readers and alike.
func (a Agreement) Holds() bool {
	for _, d := range a.Differences {
		if d.Covered {
			return false
		}
	}
	return a.Missing == 0 && a.Compared > 0
}

// secondReaderError is how often the second reader is taken to be wrong about a character: general recognisers read about one
// OCR-B character in twenty wrongly where the picture is hard enough to matter.
const secondReaderError = 0.05

// Merge compares the reading with the lines of a second, independent reader, given in the same order. No character changes: the
// confidence of those that agree rises, of those that differ falls, by Bayes' rule; missing ones stay.
func (r *Reading) Merge(second []string) Agreement {
	var a Agreement
	for i, line := range r.Lines {
		other := "" // a lost line has no characters to compare
		if i < len(second) {
			other = onlyAlphabet(second[i])
		}
		for k, at := range Align(line, other) {
			c := &r.Characters[i][k]
			switch {
			case at < 0:
				if c.Covered {
					a.Missing++
				}
				continue
			case other[at] == c.Symbol:
				a.Agreed++
				c.Confidence = bayes(c.Confidence, (1-secondReaderError)/secondReaderError)
			default:
				a.Differences = append(a.Differences, Difference{i, k, string(c.Symbol), string(other[at]), c.Covered})
				c.Confidence = bayes(c.Confidence, secondReaderError/(1-secondReaderError))
			}
			a.Compared++
		}
	}
	return a
}

// bayes multiplies the odds of a probability.
func bayes(p, factor float64) float64 {
	return p * factor / (p*factor + 1 - p)
}

// onlyAlphabet makes a general reader's line comparable: upper case, guillemets and parentheses-like marks as fillers, the rest away.
func onlyAlphabet(s string) string {
	var out strings.Builder
	for _, r := range strings.ToUpper(s) {
		switch {
		case r < 128 && value(byte(r)) >= 0:
			out.WriteRune(r)
		case strings.ContainsRune("«≪《", r):
			out.WriteString("<<")
		case strings.ContainsRune("‹〈", r):
			out.WriteByte(Filler)
		}
	}
	return out.String()
}
