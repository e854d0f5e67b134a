package document

import (
	"strings"
	"unicode"

	"ekyc/internal/document/ocr/tesseract"
)

// foreignScripts are the scripts besides Latin that the print recogniser knows, by their codes of ISO 15924.
var foreignScripts = []struct {
	code  string
	table *unicode.RangeTable
}{{"Grek", unicode.Greek}, {"Hani", unicode.Han}, {"Hira", unicode.Hiragana}, {"Kana", unicode.Katakana}}

// scriptOf is the script of a letter, "" for a Latin one and for what is no letter.
func scriptOf(r rune) string {
	for _, s := range foreignScripts {
		if unicode.Is(s.table, r) {
			return s.code
		}
	}
	return ""
}

func foreignLetters(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return scriptOf(r) != "" })
}

// foreignPart is what of a text the print recogniser read in another script than Latin, up to a stroke, and that script.
func foreignPart(text string) (part, script string) {
	for p := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '/' || r == '|' }) {
		latin, foreign := 0, 0
		for _, r := range p {
			switch code := scriptOf(r); {
			case code != "":
				foreign, script = foreign+1, code
			case unicode.IsLetter(r):
				latin++
			}
		}
		if foreign > latin {
			return strings.TrimSpace(p), script
		}
	}
	return "", ""
}

// letterCount counts letters of any script.
func letterCount(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// printsTwoScripts says whether a country's documents print names in a script of its own before their Latin form.
func printsTwoScripts(country string) bool {
	if _, ok := tesseract.ScriptOf(country); ok {
		return true
	}
	switch country {
	case "CHN", "TWN", "HKG", "MAC", "JPN", "KOR":
		return true
	}
	return false
}

// hanSex are the words for the sexes in Chinese and Japanese print.
var hanSex = map[string]string{"男": "M", "女": "F"}
