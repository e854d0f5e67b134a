package document

import (
	"regexp"
	"strings"

	"ekyc"
)

// marksOf are letters that the orthography of an issuer's language does not have, each before the letter that it has for the same base:
// small print is read with the wrong mark before it is read as another letter.
var marksOf = map[string]*strings.Replacer{
	"ROU": strings.NewReplacer("Ä", "Ă", "Á", "Ă", "Ã", "Ă", "À", "Ă", "Ş", "Ș", "Š", "Ș", "Ţ", "Ț", "Ť", "Ț", "Í", "Î", "Ì", "Î"),
	"HUN": strings.NewReplacer("Õ", "Ő", "Ō", "Ő", "Ô", "Ő", "Ũ", "Ű", "Ū", "Ű", "Û", "Ű", "À", "Á", "È", "É", "Ì", "Í", "İ", "Í", "Ò", "Ó"),
	"POL": strings.NewReplacer("Ñ", "Ń", "Ň", "Ń", "Ò", "Ó", "Š", "Ś", "Č", "Ć", "Ž", "Ż", "É", "Ę", "Á", "Ą"),
	"ITA": strings.NewReplacer("İ", "Ì", "Í", "Ì", "Á", "À", "Ú", "Ù", "Ó", "Ò", "Ā", "À"),
	"TUR": strings.NewReplacer("Ģ", "Ğ", "Ĝ", "Ğ", "Ș", "Ş", "Š", "Ş", "Õ", "Ö", "Ű", "Ü"),
	"CZE": strings.NewReplacer("Ź", "Ž", "Ż", "Ž", "Ś", "Š", "Ć", "Č", "Ĕ", "Ě", "Ü", "Ů", "À", "Á", "È", "É"),
	"SWE": strings.NewReplacer("Ã", "Å", "Ā", "Å", "Õ", "Ö"), "FIN": strings.NewReplacer("Ã", "Ä", "Õ", "Ö"),
	"DNK": strings.NewReplacer("Ö", "Ø", "Ó", "Ø", "Õ", "Ø", "Ã", "Å"), "NOR": strings.NewReplacer("Ö", "Ø", "Ó", "Ø", "Õ", "Ø", "Ã", "Å"),
	"PRT": strings.NewReplacer("Ä", "Ã", "Ā", "Ã", "Ö", "Õ", "Ō", "Õ", "Ő", "Õ", "È", "É", "Ì", "Í", "İ", "Í", "Ò", "Ó", "Ù", "Ú"),
	"IRL": strings.NewReplacer("À", "Á", "È", "É", "Ì", "Í", "İ", "Í", "Ò", "Ó", "Ù", "Ú"), "AUT": strings.NewReplacer("Ó", "Ö", "Õ", "Ö", "Ő", "Ö", "Ű", "Ü", "Ā", "Ä"),
	"ESP": strings.NewReplacer("Ń", "Ñ", "Ň", "Ñ", "İ", "Í", "Ì", "Í", "Ò", "Ó", "À", "Á"), "D": strings.NewReplacer("Ó", "Ö", "Õ", "Ö", "Ő", "Ö", "Ű", "Ü", "Ā", "Ä"),
	"HRV": strings.NewReplacer("Ď", "Đ", "Ś", "Š", "Ź", "Ž"), "FRA": strings.NewReplacer("İ", "Î", "Ě", "È", "Ē", "É", "Ĉ", "Ç"),
}

// dottedCapitals is a text in capitals but for an i: the letter İ, which recognisers take for the small one.
var dottedCapitals = regexp.MustCompile(`^(?:\p{Lu}+i|i\p{Lu})[\p{Lu}i\d ,.\-]*$`)

// dotted gives the capitals of Turkish print their dots.
func (v *visual) dotted(text string) string {
	if v.country == "TUR" && dottedCapitals.MatchString(text) {
		return strings.ReplaceAll(text, "i", "İ")
	}
	return text
}

// ownMarks gives a text the marks that a language has: that of the issuer, for names that of the state whose national the holder is.
func (v *visual) ownMarks(key Key, text string) string {
	state, own := v.country, key == KeyIssuingAuthority || key == KeyAddress || v.kind == ekyc.Passport || v.kind == ekyc.IDCard
	if national, stated := v.stated[KeyNationality]; stated && (key == KeySurname || key == KeyGivenNames || key == KeyFullName) {
		state, own = national.Value, true
	}
	if replacer := marksOf[state]; replacer != nil && own {
		return replacer.Replace(strings.ToUpper(text))
	}
	return text
}
