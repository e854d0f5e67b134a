package profile

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"ekyc"
)

// The bounds of name_coherence on similarity. Below the lower one the names are not one person's; from the upper one on they are. They were
// set by judgement (a name with one likely fault is close, one with a sure contradiction is not) and are measured on the pairs of namelist.
const (
	namesAgree = 0.90
	namesClose = 0.80
)

// word is one word of a name in the forms that are compared.
type word struct {
	capital      string // as written
	plain        string // A–Z, marks dropped; "" for a script without a table
	long         string // A–Z, second spellings
	key          string // coarse(plain)
	longKey      string // coarse(long)
	skeleton     string // consonants
	umlaut       string // plain with AE, OE, UE and AA written as one vowel
	rounded      string // O or U for each Ö or Ü, however it is spelled
	script       scriptKind
	sole         bool // the one word of a part of the name, which is no particle then: BEN and LE are names too
	articleApart bool // joined from an article and the word after it
	cut          bool // may be the beginning of a longer word: the end of a name that fills its field
}

type scriptKind int

const (
	scriptRoman  scriptKind = iota // has a table to A–Z
	scriptArabic                   // consonants only
	scriptOther                    // compared with itself only
)

// person is a name in words. Without parts that are told apart all words are in given.
type person struct {
	surname, given []word
	parts          bool
}

func (p person) words() []word { return slices.Concat(p.surname, p.given) }

// particles are words that come and go in one person's name, and titles and marks that are none. They weigh little.
var particles = wordSet(`A AB ABU AF AL AP AV BAR BAT BEN BIN BINT BINTI BINTE D DA DAS DE DEL DELA DELLA DELLE DEN DER DES DI DO DOS DU E EL EN ET HA IBN
	IN L LA LAS LE LES LO LOS MAC MC ND NI O OF OGLU QIZI SAN SANTA ST TE TEN TER THE THOE TO UL UND UR VAN VANDE VANDEN VANDER VOM VON VOR Y Z ZU ZUM ZUR`)

// ignored are titles, generations and the words that introduce a name at birth or by marriage; the names after them count.
var ignored = wordSet(`BORN DAME DIPL DIPLING DR ENG EP EPOUSE EPSE FORMERLY FRAU GEB GEBOREN GEBORENE HERR II III ING IV JR JUNIOR LADY LORD MISS MISTER MLLE
	MME MR MRS MS MX NEE PHD PROF SENIOR SIR SR VVE WIDOW`)

func wordSet(fields string) map[string]bool {
	set := map[string]bool{}
	for _, f := range strings.Fields(fields) {
		set[f] = true
	}
	return set
}

// mostWords bounds the words of a name part: the comparison tries all pairings, and the longest names in use have about ten words.
const mostWords = 10

// longestWord bounds a word in letters; the longest known surnames have about 35.
const longestWord = 40

func personOf(given, surname, full string) person {
	p := person{surname: wordsOf(surname), given: wordsOf(given)}
	p.parts = len(p.surname) > 0 && len(p.given) > 0
	if len(p.surname)+len(p.given) == 0 {
		p.given = wordsOf(full)
	}
	for _, part := range [][]word{p.surname, p.given} {
		if len(part) == 1 && len(part[0].plain) > 1 {
			part[0].sole = true
		}
	}
	return p
}

// wordsOf takes a name apart at blanks, hyphens, fillers, strokes and full stops; apostrophes fall away.
func wordsOf(name string) []word {
	var words []word
	for _, field := range strings.FieldsFunc(capitals(name), isSeparator) {
		letters := []rune(strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) {
				return r
			}
			return -1
		}, field))
		if len(letters) == 0 {
			continue
		}
		w := wordOf(string(letters[:min(len(letters), longestWord)]))
		if ignored[w.plain] {
			continue
		}
		if i := slices.IndexFunc(words, w.isVariantOf); i >= 0 {
			words[i] = words[i].better(w)
			continue
		}
		words = append(words, w)
	}
	return words[:min(len(words), mostWords)]
}

// isVariantOf says that a document prints one word in two scripts or spellings.
func (w word) isVariantOf(other word) bool {
	return w.script == scriptRoman && other.script == scriptRoman && w.capital != other.capital && len(w.key) > 1 && sameKey(w, other)
}

// better is the one of two variants that needs no transliteration: the issuer's own spelling in A–Z.
func (w word) better(other word) word {
	if other.capital == other.plain {
		return other
	}
	return w
}

func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("<,;/.|_()·・", r)
}

func wordOf(capital string) word {
	w := word{capital: capital, script: scriptOther}
	if plain, ok := romanise(capital, false); ok {
		w.script, w.plain = scriptRoman, plain
		w.long, _ = romanise(capital, true)
		w.key, w.longKey, w.skeleton, w.umlaut = coarse(plain), coarse(w.long), skeleton(plain), umlauts.Replace(plain)
		w.rounded = roundedVowels(capital)
	} else if consonants, ok := arabicSkeleton(capital); ok {
		w.script, w.skeleton = scriptArabic, consonants
	}
	return w
}

// joined is two words or more written as one.
func joined(words []word) word {
	var s strings.Builder
	for _, w := range words {
		s.WriteString(w.capital)
	}
	w := wordOf(s.String())
	w.cut = words[len(words)-1].cut
	w.articleApart = slices.Contains(romanArticles, words[0].plain)
	return w
}

func (w word) isInitial() bool { return w.script == scriptRoman && len(w.plain) == 1 }

// Weights of words: a particle says little, an initial half of a name.
const (
	particleWeight = 0.2
	initialWeight  = 0.5
)

func (w word) weight() float64 {
	switch {
	case particles[w.plain] && w.script == scriptRoman && !w.sole:
		return particleWeight
	case w.isInitial():
		return initialWeight
	}
	return 1
}

func (w word) counts() bool { return w.weight() == 1 }

// shortestField is the length in letters and separators from which a name may have filled its field of the machine readable zone: 30
// places in TD1, 31 in TD2, 39 in TD3 (ICAO Doc 9303-4 to -6), less the separators at its end.
const shortestField = 28

// markCut says of the last word of a document's name that it may be cut off.
func (p person) markCut() {
	length := 1
	for _, w := range p.words() {
		length += len(w.plain) + 1
	}
	if last := p.given; length >= shortestField && len(last) > 0 {
		last[len(last)-1].cut = true
	}
}

func checkNames(in Input) ekyc.Check {
	claimed := personOf(in.GivenNames, in.Surname, in.FullName)
	if in.GivenNames+in.Surname+in.FullName == "" {
		return made(CheckNameCoherence, ekyc.NotApplicable, "not given", nil)
	}
	var printed person
	if d := in.Document; d != nil {
		printed = personOf(d.GivenNames, d.Surname, d.FullName)
	}
	if len(printed.words()) == 0 {
		return made(CheckNameCoherence, ekyc.NotApplicable, "there is no name of a document to compare with", nil)
	}
	evidence := ekyc.Evidence{"claimed_words": len(claimed.words()), "document_words": len(printed.words())}
	if len(claimed.words()) == 0 {
		return made(CheckNameCoherence, ekyc.Fail, "the claimed name has no letters", evidence)
	}
	printed.markCut()
	similarity, comparable := comparePersons(claimed, printed)
	if !comparable {
		return made(CheckNameCoherence, ekyc.NotExecuted, "the names are written in scripts that cannot be compared", evidence)
	}
	evidence["similarity"] = math.Round(similarity*100) / 100
	evidence["threshold"] = namesAgree
	switch {
	case similarity >= namesAgree:
		return made(CheckNameCoherence, ekyc.Pass, "the claimed name is the document's", evidence)
	case similarity >= namesClose:
		return made(CheckNameCoherence, ekyc.Warn, "the claimed name is close to the document's", evidence)
	}
	return made(CheckNameCoherence, ekyc.Fail, "the claimed name is not the document's", evidence)
}

// orderCost is what names lose that agree only once surname and given names are exchanged.
const orderCost = 0.04

// comparePersons gives the similarity of two names, 0 to 1, and false where no script of one can be compared with the other's.
func comparePersons(a, b person) (float64, bool) {
	a, b = comparableWords(a, b)
	if len(a.words()) == 0 || len(b.words()) == 0 {
		return 0, false
	}
	whole := match(a.words(), b.words()).similarity()
	if !a.parts || !b.parts {
		return whole, true
	}
	straight := min(match(a.surname, b.surname).similarity(), match(a.given, b.given).similarity())
	similarity := max(straight, whole-orderCost)
	for _, part := range [][]word{a.surname, a.given, b.surname, b.given} {
		if !slices.ContainsFunc(part, word.counts) { // initials only
			similarity = min(similarity, singleWord)
		}
	}
	return similarity, true
}

// comparableWords keeps the words whose scripts meet: what can be written with A–Z, or else what is in one other script.
func comparableWords(a, b person) (person, person) {
	has := func(p person, roman bool) bool {
		return slices.ContainsFunc(p.words(), func(w word) bool { return w.script == scriptRoman || !roman && w.script == scriptArabic })
	}
	keep := func(scripts ...scriptKind) {
		for _, part := range []*[]word{&a.surname, &a.given, &b.surname, &b.given} {
			*part = slices.DeleteFunc(slices.Clone(*part), func(w word) bool { return !slices.Contains(scripts, w.script) })
		}
		a.parts = a.parts && len(a.surname) > 0 && len(a.given) > 0
		b.parts = b.parts && len(b.surname) > 0 && len(b.given) > 0
	}
	switch {
	case has(a, true) && has(b, true):
		keep(scriptRoman)
	case has(a, false) && has(b, false):
		keep(scriptRoman, scriptArabic)
	default:
		keep(scriptOther)
	}
	return a, b
}
