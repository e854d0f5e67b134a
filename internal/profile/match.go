package profile

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// matching is the best pairing of the words of two names.
type matching struct {
	gain             float64 // what the pairing maximises
	matchedA         float64 // similarity times weight, over the words of a
	matchedB         float64
	totalA, totalB   float64
	full             int // pairs of words that are neither particle nor initial
	loneA, loneB     int // such words that found no partner
	wordsA, wordsB   int // such words in all
	pairedA, pairedB int
	doubt            float64 // what the least alike pair of such words lacks to be alike
}

// Caps and shares of similarity.
const (
	shorterShare  = 0.85 // a name that is all found in a longer one is mostly the same name: middle names and second surnames come and go
	singleWord    = 0.85 // one shared word proves no person: at best a warning
	contradiction = 0.79 // each name has a word that the other lacks: at best just below a warning
)

func (m matching) similarity() float64 {
	if m.totalA == 0 || m.totalB == 0 {
		return 0
	}
	shorter, longer := m.matchedA/m.totalA, m.matchedB/m.totalB
	if m.totalA > m.totalB {
		shorter, longer = longer, shorter
	}
	value := min(shorterShare*shorter+(1-shorterShare)*longer, 1-m.doubt) // a likely fault is not made good by words beside it
	if m.loneA > 0 && m.loneB > 0 {
		value = min(value, contradiction)
	}
	if m.full < 2 && max(m.wordsA, m.wordsB) > 1 {
		value = min(value, singleWord)
	}
	return value
}

// match pairs the words of a and b, in any order, two or three neighbours taken for one where they are written together on the other
// side, so that the weighted similarity is greatest. Words after the tenth are left out.
func match(a, b []word) matching {
	a, b = a[:min(len(a), mostWords)], b[:min(len(b), mostWords)]
	p := pairing{a: a, b: b, similar: similarities(a, b), memo: map[[2]int]matching{}}
	best := p.best(0, 0)
	for _, w := range a {
		best.totalA += w.weight()
		best.wordsA += count(w)
	}
	for _, w := range b {
		best.totalB += w.weight()
		best.wordsB += count(w)
	}
	best.loneA, best.loneB = best.wordsA-best.pairedA, best.wordsB-best.pairedB
	return best
}

func count(w word) int {
	if w.counts() {
		return 1
	}
	return 0
}

// longestJoin is how many neighbours are tried as one word: VAN DER BERG.
const longestJoin = 3

// joins are the words that begin at each place: by itself, with one neighbour, with two.
func joins(words []word) [][]word {
	all := make([][]word, len(words))
	for i, w := range words {
		all[i] = []word{w}
		for n := 2; n <= longestJoin && i+n <= len(words); n++ {
			all[i] = append(all[i], joined(words[i:i+n]))
		}
	}
	return all
}

// pair is words of a from i to i+countA that are written like the words of b from j to j+countB; one of the counts is 1.
type pair struct {
	similarity        float64
	countA, j, countB int
}

// similarities lists, for each word of a, the pairs that begin with it.
func similarities(a, b []word) [][]pair {
	joinedA, joinedB := joins(a), joins(b)
	all := make([][]pair, len(a))
	for i := range a {
		for n, left := range joinedA[i] {
			for j := range b {
				for k, right := range joinedB[j] {
					if n > 0 && k > 0 {
						continue
					}
					s := wordSimilarity(left, right)
					if n+k > 0 && s < leastJoined {
						continue
					}
					if s > 0 {
						all[i] = append(all[i], pair{s, n + 1, j, k + 1})
					}
				}
			}
		}
	}
	return all
}

type pairing struct {
	a, b    []word
	similar [][]pair
	memo    map[[2]int]matching
}

// best is the best pairing of the words of a from i on with those of b that are not in the mask used.
func (p *pairing) best(i, used int) matching {
	if i >= len(p.a) {
		return matching{}
	}
	if m, known := p.memo[[2]int{i, used}]; known {
		return m
	}
	found := p.best(i+1, used)
	for _, s := range p.similar[i] {
		mask := (1<<s.countB - 1) << s.j
		if used&mask != 0 {
			continue
		}
		rest := p.best(i+s.countA, used|mask)
		if m := rest.with(s.similarity, p.a[i:i+s.countA], p.b[s.j:s.j+s.countB]); m.gain > found.gain {
			found = m
		}
	}
	p.memo[[2]int{i, used}] = found
	return found
}

// with adds a pair of words, or of a word and several.
func (m matching) with(similarity float64, a, b []word) matching {
	countA, countB := 0, 0
	for _, w := range a {
		m.matchedA += similarity * w.weight()
		m.gain += similarity * w.weight()
		countA += count(w)
	}
	for _, w := range b {
		m.matchedB += similarity * w.weight()
		m.gain += similarity * w.weight()
		countB += count(w)
	}
	m.pairedA += countA
	m.pairedB += countB
	if countA > 0 && countB > 0 {
		m.full += max(countA, countB)
		m.doubt = max(m.doubt, 1-similarity)
	}
	return m
}

// Similarities of two words that are not written alike.
const (
	initialSimilarity  = 0.8
	cutSimilarity      = 0.9
	coarseSimilarity   = 0.95
	skeletonSimilarity = 0.9
	skeletonDoubt      = 0.8 // the same consonants with other vowels
	oneFault           = 0.85
	twoFaults          = 0.8
	leastJoined        = 0.9 // words written together have no fault beside: a fault would swallow a short neighbour
)

// Lengths in letters below which a likeness proves nothing: short names differ in one letter and are other names (CHEN and SHEN).
const (
	shortestCoarse    = 5
	shortestUmlaut    = 3
	shortestOneFault  = 5
	shortestTwoFaults = 9
	shortestSkeleton  = 2
	enoughSkeleton    = 3 // below, names are many to the same consonants: OMAR, AMIR and AMMAR
	shortestCut       = 2
)

// wordSimilarity is 1 for the same word, 0 for words that have nothing to do with each other.
func wordSimilarity(a, b word) float64 {
	if a.script == scriptOther || b.script == scriptOther {
		if a.capital == b.capital {
			return 1
		}
		return 0
	}
	if a.script == scriptArabic || b.script == scriptArabic {
		return arabicSimilarity(a, b)
	}
	switch {
	case a.plain == b.plain, a.plain == b.long, a.long == b.plain, a.long == b.long:
		return 1
	case a.isInitial() || b.isInitial():
		if a.plain[0] == b.plain[0] && a.counts() != b.counts() {
			return initialSimilarity
		}
		return 0
	case b.cut && len(b.plain) >= shortestCut && (strings.HasPrefix(a.plain, b.plain) || strings.HasPrefix(a.long, b.long)):
		return cutSimilarity
	case min(len(a.plain), len(b.plain)) >= shortestUmlaut && a.umlaut == b.umlaut && !isOtherUmlaut(a, b),
		min(len(a.plain), len(b.plain)) >= shortestCoarse-1 && max(len(a.plain), len(b.plain)) >= shortestCoarse && sameKey(a, b) && !isOtherUmlaut(a, b),
		sameAfterArticle(a, b):
		return coarseSimilarity
	}
	return faultSimilarity(a, b)
}

func sameKey(a, b word) bool {
	return a.key == b.key || a.key == b.longKey || a.longKey == b.key || a.longKey == b.longKey
}

// isOtherUmlaut says that both words show which rounded vowel they have, and it is not the same: MÜLLER and MOELLER.
func isOtherUmlaut(a, b word) bool {
	return a.rounded != "" && b.rounded != "" && a.rounded != b.rounded
}

// sameAfterArticle says that two words are one after an Arabic article that is written apart on one side: EL HARBI and ALHARBI.
func sameAfterArticle(a, b word) bool {
	if a.articleApart == b.articleApart {
		return false
	}
	restA, foundA := afterArticle(a.plain)
	restB, foundB := afterArticle(b.plain)
	return foundA && foundB && coarse(restA) == coarse(restB)
}

// faultSimilarity forgives a slip of the pen or of the reader.
func faultSimilarity(a, b word) float64 {
	if isOtherGender(a.plain, b.plain) {
		return 0
	}
	length := max(len(a.plain), len(b.plain))
	shorter := min(len(a.plain), len(b.plain))
	if shorter < shortestOneFault-1 || length < shortestOneFault {
		return 0
	}
	faults := min(editDistance(a.plain, b.plain), editDistance(a.long, b.long), editDistance(a.plain, b.long), editDistance(a.long, b.plain))
	switch {
	case faults == 1:
		return oneFault
	case faults == 2 && length >= shortestTwoFaults:
		return twoFaults
	case min(len(a.key), len(b.key)) > shortestCoarse && editDistance(a.key, b.key) == 1,
		min(len(a.key), len(b.key)) >= shortestCoarse && a.skeleton == b.skeleton && editDistance(a.key, b.key) == 1: // one vowel: HUSAYN and HUSSEIN
		return twoFaults
	}
	return 0
}

// isOtherGender says that two words differ in their last vowels only and end otherwise, which in many languages makes the name of the other
// gender: MARIO and MARIA, MARTIN and MARTINA, GABRIELE and GABRIELLA are two people, ROUSSEAU and ROUSSAU one.
func isOtherGender(a, b string) bool {
	stem := func(s string) string { return collapse(strings.TrimRight(s, "AEIOU")) }
	return a != b && a[len(a)-1] != b[len(b)-1] && stem(a) == stem(b)
}

// editDistance counts insertions, deletions, substitutions and exchanges of neighbours (optimal string alignment).
func editDistance(a, b string) int {
	if utf8.RuneCountInString(a) != len(a) || utf8.RuneCountInString(b) != len(b) {
		return max(len(a), len(b)) // romanised words are ASCII
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := slices.Repeat([]int{i + 1}, len(b)+1)
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
