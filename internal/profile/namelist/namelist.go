// Package namelist makes the labelled list of pairs of names on which name coherence is measured: what a person says beside what a document
// prints, of the same person and of different people. The names are common ones of many languages put together at random; the spellings in
// use and the names that are easily confused are written down in names.txt, so that nothing here rests on the code that is measured.
package namelist

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Name is a name in parts, or Full where the parts are not told apart.
type Name struct{ Given, Surname, Full string }

func (n Name) text() string {
	if n.Full != "" {
		return n.Full
	}
	return n.Given + "/" + n.Surname
}

// Pair is a claimed name and a printed one.
type Pair struct {
	Same             bool   // one person's
	Half             string // tune or report: by the hash of the printed surname, so that none is in both
	Category         string // in what the names differ
	Language         string
	Claimed, Printed Name
}

// String is a line of the list: label, half, category, language, claimed and printed name with tabs between; parts are given/surname.
func (p Pair) String() string {
	label := "different"
	if p.Same {
		label = "same"
	}
	return strings.Join([]string{label, p.Half, p.Category, p.Language, p.Claimed.text(), p.Printed.text()}, "\t")
}

// entry is one name: its own spelling, what a passport prints, and all spellings in use.
type entry struct {
	own, printed string
	spellings    []string
}

// language is a language's names by their kind.
type language struct {
	name  string
	names map[string][]entry
	words map[string][]string
}

//go:embed names.txt
var names string

func languages() []language {
	var all []language
	for line := range strings.Lines(names) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "#":
		case strings.HasPrefix(fields[0], "["):
			all = append(all, language{strings.Trim(fields[0], "[]"), map[string][]entry{}, map[string][]string{}})
		case fields[0] == "particles":
			all[len(all)-1].words["particles"] = strings.Split(strings.ReplaceAll(fields[1], "_", " "), "|")
		default:
			for _, f := range fields[1:] {
				all[len(all)-1].names[fields[0]] = append(all[len(all)-1].names[fields[0]], entryOf(f))
			}
		}
	}
	return all
}

func entryOf(field string) entry {
	spellings := strings.Split(strings.ReplaceAll(field, "_", " "), "|")
	e := entry{own: spellings[0], printed: unmarked(spellings[0]), spellings: spellings}
	if len(spellings) > 1 {
		e.printed = spellings[1]
	}
	return e
}

// isRoman says whether a name's own spelling is in Latin letters.
func (e entry) isRoman() bool {
	return strings.IndexFunc(e.own, func(r rune) bool { return r > 0x24F && (r < 0x1E00 || r > 0x1EFF) }) < 0
}

// other is a spelling in Latin letters beside the printed one, or none.
func (e entry) other(r *rand.Rand) (string, bool) {
	if len(e.spellings) < 3 {
		return "", false
	}
	return e.spellings[2+r.IntN(len(e.spellings)-2)], true
}

// person is somebody made up.
type person struct {
	language
	female        bool
	given         []entry // one or two
	surname       entry
	secondSurname entry
}

const (
	seed     = 20260101
	perKind  = 110 // pairs of each category of one person's names
	perOther = 260 // pairs of each category of different people's
	attempts = 60  // for one pair before a category is given up
)

func (l language) surnames(female bool) []entry {
	if all := l.names["surnames"]; all != nil {
		return all
	}
	if female {
		return l.names["surnames_f"]
	}
	return l.names["surnames_m"]
}

func (l language) givens(female bool) []entry {
	if female {
		return l.names["women"]
	}
	return l.names["men"]
}

func pick(r *rand.Rand, from []entry, not ...entry) entry {
	for {
		e := from[r.IntN(len(from))]
		if !slices.ContainsFunc(not, func(n entry) bool { return n.printed == e.printed }) {
			return e
		}
	}
}

func (l language) person(r *rand.Rand, givens int) person {
	p := person{language: l, female: r.IntN(2) == 0}
	for range givens {
		p.given = append(p.given, pick(r, l.givens(p.female), p.given...))
	}
	p.surname = pick(r, l.surnames(p.female))
	p.secondSurname = pick(r, l.surnames(p.female), p.surname)
	return p
}

// printed is the name as the machine readable zone has it.
func (p person) printed() Name { return Name{Given: printedAll(p.given), Surname: p.surname.printed} }

// own is the name as the person writes it.
func (p person) own() Name { return Name{Given: ownAll(p.given), Surname: p.surname.own} }

// written is the name in ordinary Latin letters.
func (p person) written() Name {
	n := Name{Given: titled(printedAll(p.given)), Surname: titled(p.surname.printed)}
	if p.surname.isRoman() {
		n = p.own()
	}
	return n
}

func printedAll(all []entry) string {
	var s []string
	for _, e := range all {
		s = append(s, e.printed)
	}
	return strings.Join(s, " ")
}

func ownAll(all []entry) string {
	var s []string
	for _, e := range all {
		s = append(s, e.own)
	}
	return strings.Join(s, " ")
}

// Pairs makes the list; it is always the same one.
func Pairs() []Pair {
	var list []Pair
	known := map[string]bool{}
	for _, k := range kinds {
		count := perOther
		if k.same {
			count = perKind
		}
		all := languages()
		r := rand.New(rand.NewPCG(seed, hash(k.category)))
		missed := 0
		for made := 0; made < count && missed < attempts*len(all); {
			l := all[r.IntN(len(all))]
			claimed, printed, surname, ok := k.make(r, l)
			p := Pair{Same: k.same, Half: half(surname), Category: k.category, Language: l.name, Claimed: claimed, Printed: printed}
			if !ok || known[p.String()] {
				missed++
				continue
			}
			known[p.String()] = true
			list = append(list, p)
			made++
			missed = 0
		}
	}
	return list
}

// half is tune or report.
func half(surname string) string {
	if hash(surname)&1 == 0 {
		return "tune"
	}
	return "report"
}

func hash(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return uint64(sum[0]) | uint64(sum[1])<<8 | uint64(sum[2])<<16 | uint64(sum[3])<<24
}

// Text is the whole list, a line a pair.
func Text() string {
	var s strings.Builder
	for _, p := range Pairs() {
		fmt.Fprintln(&s, p)
	}
	return s.String()
}
