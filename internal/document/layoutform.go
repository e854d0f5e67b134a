package document

import (
	"regexp"
	"strings"

	"ekyc/internal/document/layout"
	"ekyc/internal/document/number"
)

// form gives the value of a field as the layout has it: words for the sex, patterns for numbers, else the form that any document's field has.
func (p *layoutReader) form(key Key, text string) (value string, share float64, ok bool) {
	field := p.layout.Fields[string(key)]
	switch {
	case key == KeySex && len(p.layout.Sexes) > 0:
		if letter, known := p.layout.SexOf(text); known {
			return letter, 1, true
		}
		for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" /-.,:()", r) }) {
			if letter, known := p.layout.SexOf(part); known {
				return letter, 1, true
			}
		}
		return "", 0, false
	case len(field.Patterns) > 0:
		return numberIn(field, text, true)
	case key != KeyDateOfBirth && key != KeyDateOfIssue && key != KeyDateOfExpiry:
		if at := selfNamed.FindStringIndex(text); at != nil { // behind the name, on the same line
			text = strings.TrimSpace(text[:at[0]])
		}
	}
	return p.visual.normalise(key, text)
}

// numberIn finds a number of the field's patterns in a text: the whole of it, or some of its words where parts is true. Letters and digits that
// look the same are taken as the pattern has them. share is 1 for a number whose check digit holds or that has none.
func numberIn(field *layout.Field, text string, parts bool) (value string, share float64, ok bool) {
	const mostWords = 6
	words := strings.Fields(strings.ToUpper(text))
	try := func(candidate string) bool {
		written, repaired, matches := fitted(field.Patterns, candidate)
		if !matches || repaired && dateLike(candidate) {
			return false
		}
		value, share = written, 1
		if repaired {
			share = repairedShare
		}
		if field.Rule.Check(number.Compact(written)) == number.Refuted {
			share = refutedShare
		}
		return true
	}
	if try(strings.Join(words, "")) {
		return value, share, true
	}
	for n := min(len(words), mostWords); parts && n > 0; n-- {
		for i := 0; i+n <= len(words); i++ {
			if try(strings.Join(words[i:i+n], "")) {
				return value, share, true
			}
		}
	}
	return "", 0, false
}

const (
	// repairedShare: a letter that was read where the pattern has a digit is that digit in all fonts of documents that were looked at.
	repairedShare = 0.95
	// refutedShare: one character at least is wrong, or the document is.
	refutedShare = 0.5
)

// fitted matches a printed number with patterns; the marks in it stay.
func fitted(patterns []number.Pattern, printed string) (written string, repaired, ok bool) {
	printed = strings.Trim(printed, " .:,#*-")
	compact := number.Compact(printed)
	if number.Any(patterns, compact) {
		return printed, false, true
	}
	for _, pattern := range patterns {
		if len(pattern) != len(compact) {
			continue
		}
		if mended := mend(pattern, printed); pattern.Matches(number.Compact(mended)) {
			return mended, true, true
		}
	}
	return "", false, false
}

// mend writes the characters that look alike as the pattern has them: the letter O and the digit 0, the letter I and the digit 1.
func mend(pattern number.Pattern, printed string) string {
	const digits, look = "01", "OI"
	i := 0
	return strings.Map(func(r rune) rune {
		if number.Compact(string(r)) == "" {
			return r
		}
		place := pattern[i]
		i++
		digitWanted := place >= '0' && place <= '9'
		letterWanted := place == 'A' || place == 'n' || place >= 'a' && place <= 'z' || place >= 'B' && place <= 'Z' && place != 'G' && place != 'N'
		if at := strings.IndexRune(look, r); at >= 0 && digitWanted {
			return rune(digits[at])
		}
		if at := strings.IndexRune(digits, r); at >= 0 && letterWanted {
			return rune(look[at])
		}
		return r
	}, printed)
}

// wholeDates are dates in digits, or with a month's name.
var wholeDates = []*regexp.Regexp{
	regexp.MustCompile(`\d{1,2}\s?[./\- ]\s?\d{1,2}\s?[./\- ]\s?\d{2,4}`), regexp.MustCompile(`\d{1,2}\s*[.\- ]?\s*\p{L}{3,}\.?\s*\d{4}`),
}

// dateLike says whether a text is a date in digits and nothing else.
func dateLike(text string) bool {
	at := wholeDates[0].FindString(text)
	return at != "" && at == strings.TrimSpace(text)
}

// aroundDate is what stands before or behind the date on a line.
func aroundDate(text string) (string, bool) {
	for _, form := range wholeDates {
		if m := form.FindStringIndex(text); m != nil {
			rest := strings.Trim(text[:m[0]]+" "+text[m[1]:], " ,;:/.-()")
			rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(rest, "à "), "À "))
			return rest, len(foldText(rest)) >= 2
		}
	}
	return "", false
}
