package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"ekyc"
)

// checkStatuses are the outcomes of a check.
var checkStatuses = words(ekyc.Pass, ekyc.Fail, ekyc.Warn, ekyc.NotApplicable, ekyc.NotExecuted, ekyc.NotEvaluable)

// mostTold is how many words a message lists.
const mostTold = 12

// meant helps with a word that is not among the set: the nearest one, or what there is.
func (v *vocabulary) meant(word string) string {
	if v.codes {
		return countryHelp(word)
	}
	if help := didYouMean(word, v.words); help != "" || len(v.words) > mostTold {
		return help
	}
	return "; it can have " + strings.Join(v.words, ", ")
}

// countryHelp finds the code that was meant by another code or by the country's name.
func countryHelp(word string) string {
	if c, found := ekyc.CountryByCode(word); found {
		if c.Alpha3 != "" {
			return fmt.Sprintf("; write %q", c.Alpha3)
		}
		return fmt.Sprintf("; write %q", c.Code)
	}
	for _, c := range ekyc.Countries() {
		if strings.EqualFold(c.Name, word) && c.Alpha3 != "" {
			return fmt.Sprintf("; write %q", c.Alpha3)
		}
	}
	return "; a country is its code of ISO 3166-1 alpha-3, as \"FRA\""
}

// didYouMean names the word that differs least, where it differs by a slip of the pen only.
func didYouMean(word string, among []string) string {
	best, least := "", max(len(word)/3, 1)+1
	for _, candidate := range among {
		if d := editDistance(strings.ToLower(word), candidate, least); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// longestSuggested bounds the words that are compared, in bytes.
const longestSuggested = 64

// editDistance is Levenshtein's, or anything not below most.
func editDistance(a, b string, most int) int {
	if len(a) > longestSuggested || max(len(a)-len(b), len(b)-len(a)) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
