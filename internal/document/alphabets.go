package document

import (
	"strings"

	"ekyc"
)

// marksOf are letters that the orthography of an issuer's language does not have, each before the letter that it has for the same base:
// small print is read with the wrong mark before it is read as another letter.
var marksOf = map[string]*strings.Replacer{
	"ROU": strings.NewReplacer("Ä", "Ă", "Á", "Ă", "Ã", "Ă", "À", "Ă", "Ş", "Ș", "Š", "Ș", "Ţ", "Ț", "Ť", "Ț", "Í", "Î", "Ì", "Î"),
	"HUN": strings.NewReplacer("Õ", "Ő", "Ō", "Ő", "Ô", "Ő", "Ũ", "Ű", "Ū", "Ű", "Û", "Ű", "À", "Á", "È", "É"),
	"POL": strings.NewReplacer("Ñ", "Ń", "Ň", "Ń", "Ò", "Ó", "Š", "Ś", "Č", "Ć", "Ž", "Ż", "É", "Ę", "Á", "Ą"),
	"ITA": strings.NewReplacer("İ", "Ì", "Í", "Ì", "Á", "À", "Ú", "Ù", "Ó", "Ò", "Ā", "À"),
	"TUR": strings.NewReplacer("Ģ", "Ğ", "Ĝ", "Ğ", "Ș", "Ş", "Š", "Ş", "Õ", "Ö", "Ű", "Ü"),
	"CZE": strings.NewReplacer("Ź", "Ž", "Ż", "Ž", "Ś", "Š", "Ć", "Č", "Ĕ", "Ě", "Ü", "Ů", "À", "Á", "È", "É"),
	"SWE": strings.NewReplacer("Ã", "Å", "Ā", "Å", "Õ", "Ö"), "FIN": strings.NewReplacer("Ã", "Ä", "Õ", "Ö"),
	"DNK": strings.NewReplacer("Ö", "Ø", "Ã", "Å"), "NOR": strings.NewReplacer("Ö", "Ø", "Ã", "Å"),
	"ESP": strings.NewReplacer("Ń", "Ñ", "Ň", "Ñ", "İ", "Í", "Ì", "Í", "Ò", "Ó", "À", "Á"), "D": strings.NewReplacer("Ó", "Ö", "Õ", "Ö", "Ő", "Ö", "Ű", "Ü", "Ā", "Ä"),
	"HRV": strings.NewReplacer("Ď", "Đ", "Ś", "Š", "Ź", "Ž"), "FRA": strings.NewReplacer("İ", "Î", "Ě", "È", "Ē", "É", "Ĉ", "Ç"),
}

// ownMarks gives a text the marks that the issuer's language has. Names of its citizens only: those of others keep theirs.
func (v *visual) ownMarks(key Key, text string) string {
	replacer := marksOf[v.country]
	switch {
	case replacer == nil:
		return text
	case key == KeyIssuingAuthority, key == KeyAddress, v.kind == ekyc.Passport, v.kind == ekyc.IDCard:
		return replacer.Replace(strings.ToUpper(text))
	}
	return text
}
