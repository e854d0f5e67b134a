package profile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Arabic writing leaves short vowels out, so that its consonants alone are those of several names (HASSAN and HUSSEIN, AHMED and HAMED). What
// it does write of the vowels tells most of them apart.

// longVowels are the letters of Arabic that stand for vowels inside a word, by what their romanisation must show.
var longVowels = map[rune]string{'ا': "AE", 'آ': "AE", 'ى': "AEIY", 'ي': "IEY", 'ی': "IEY", 'ئ': "IEYA", 'و': "UOW", 'ؤ': "UOWA"}

// longSpellings are vowels that are spelled long in A–Z, with the letters one of which Arabic then has.
var longSpellings = []struct{ spelling, letters string }{
	{"EE", "يئیى"}, {"II", "يئیى"}, {"AI", "يئیى"}, {"AY", "يئیى"}, {"EI", "يئیى"}, {"EY", "يئیى"}, {"OO", "وؤ"}, {"AA", "اآعأى"},
}

// vowelGroups gives what stands before, between and after the consonants of a word.
func vowelGroups(word string, isVowel func(rune) bool) []string {
	groups := []string{""}
	last := rune(-1)
	for _, r := range word {
		switch {
		case isVowel(r):
			groups[len(groups)-1] += string(r)
		case r != last: // a doubled consonant is one
			groups = append(groups, "")
		}
		last = r
	}
	return groups
}

// romanDigraphs are single letters of Arabic.
var romanDigraphs = strings.NewReplacer("KH", "K", "GH", "G", "DH", "D", "TH", "T", "SH", "S", "CH", "S", "PH", "P")

// vowelsAgree says whether a romanised word and one in Arabic letters of the same consonants can be one name by their vowels: the first sound, the
// long vowels that both writings show, and the ending A. Where their consonants do not stand in the same places nothing is concluded.
func vowelsAgree(roman, arabic string) bool {
	arabic = withoutArticle(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, arabic))
	roman = strings.TrimSuffix(roman, "H")
	heard := vowelGroups(romanDigraphs.Replace(roman), func(r rune) bool { return strings.ContainsRune("AEIOUYW", r) })
	written := vowelGroups(arabic, func(r rune) bool { return arabicLetters[r] == "" })
	if (heard[0] == "") != (written[0] == "") {
		return false
	}
	if strings.HasSuffix(roman, "A") != endsInA(arabic) {
		return false
	}
	if len(heard) != len(written) {
		return true
	}
	for i := 1; i < len(heard)-1; i++ {
		for _, r := range written[i] {
			if wanted := longVowels[r]; wanted != "" && !strings.ContainsAny(heard[i], wanted) {
				return false
			}
		}
		for _, long := range longSpellings {
			if strings.Contains(heard[i], long.spelling) && !strings.ContainsAny(written[i], long.letters) {
				return false
			}
		}
	}
	return true
}

func endsInA(arabic string) bool {
	last, _ := utf8.DecodeLastRuneInString(arabic)
	return strings.ContainsRune("ةاىآأعءه", last)
}

// withoutArticle takes the article from a word in Arabic letters that is more than it.
func withoutArticle(word string) string {
	if rest, article := strings.CutPrefix(word, "ال"); article && len([]rune(rest)) > 1 {
		return rest
	}
	return word
}

// romanArticles are the spellings of the article.
var romanArticles = []string{"AL", "EL"}

// shortestAfterArticle is the shortest word, in letters, that an article is looked for before.
const shortestAfterArticle = 4

// afterArticle is the rest of a romanised word that may begin with the Arabic article, or none.
func afterArticle(roman string) (string, bool) {
	for _, article := range romanArticles {
		if rest, found := strings.CutPrefix(roman, article); found && len(rest) >= shortestAfterArticle {
			return rest, true
		}
	}
	return "", false
}

// arabicSimilarity compares words one or both of which are in Arabic letters.
func arabicSimilarity(a, b word) float64 {
	if a.capital == b.capital {
		return 1
	}
	if a.script == scriptArabic && b.script == scriptArabic {
		return 0
	}
	if b.script == scriptArabic {
		a, b = b, a
	}
	best := romanBesideArabic(b.plain, a)
	if rest, found := afterArticle(b.plain); found && withoutArticle(a.capital) != a.capital {
		best = max(best, romanBesideArabic(rest, a))
	}
	return best
}

func romanBesideArabic(roman string, arabic word) float64 {
	consonants := skeleton(roman)
	if len(arabic.skeleton) < shortestSkeleton || consonants != arabic.skeleton && collapse(skeletonSounds.Replace(roman)) != arabic.skeleton {
		return 0
	}
	if len(consonants) >= enoughSkeleton && vowelsAgree(roman, arabic.capital) {
		return skeletonSimilarity
	}
	return skeletonDoubt
}
