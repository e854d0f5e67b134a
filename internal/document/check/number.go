package check

import (
	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/number"
)

// numberPatterns gives the shapes of the document numbers of an issuer (ISO 3166-1 alpha-3), nil where they are not known
// for sure. Sources: the PRADO glossary and document pages of the Council of the EU, the issuers' own form checks, specimens; and the table of layouts.
// A number of another shape makes a warning, not a failure, because issuers change their series.
func numberPatterns(country string, kind ekyc.DocumentType) []number.Pattern {
	var patterns []number.Pattern
	switch kind {
	case ekyc.Passport:
		patterns = passportNumberPatterns(country)
	case ekyc.IDCard:
		patterns = cardNumberPatterns(country)
	}
	return append(patterns, layout.Default().NumberPatterns(country, kind)...)
}

func passportNumberPatterns(country string) []number.Pattern {
	switch country {
	case "AUS":
		return []number.Pattern{"A9999999", "AA9999999"}
	case "BEL", "BRA":
		return []number.Pattern{"AA999999"}
	case "CAN":
		return []number.Pattern{"AA999999", "A999999AA"}
	case "CHE":
		return []number.Pattern{"A*******"}
	case "CHN":
		return []number.Pattern{"A*9999999"}
	case "DEU":
		return []number.Pattern{"GGGGGGGGG"}
	case "ESP":
		return []number.Pattern{"AAA999999", "AA999999", "A999999"}
	case "FIN", "ITA", "JPN":
		return []number.Pattern{"AA9999999"}
	case "FRA":
		return []number.Pattern{"99AA99999"}
	case "GBR":
		return []number.Pattern{"999999999"}
	case "IND":
		return []number.Pattern{"A9999999"}
	case "KOR":
		return []number.Pattern{"A99999999", "A999A9999", "AA9999999"}
	case "NLD":
		return []number.Pattern{"nnNNNNNN9"}
	case "POL":
		return []number.Pattern{"AA9999999"}
	case "RUS":
		return []number.Pattern{"999999999"}
	case "TUR":
		return []number.Pattern{"A99999999"}
	case "UKR":
		return []number.Pattern{"AA999999"}
	case "USA":
		return []number.Pattern{"999999999", "A99999999"}
	}
	return nil
}

func cardNumberPatterns(country string) []number.Pattern {
	switch country {
	case "BEL":
		return []number.Pattern{"999999999999"}
	case "CHE":
		return []number.Pattern{"A*******"}
	case "DEU":
		return []number.Pattern{"GGGGGGGGG", "GGGGGGGGGG"}
	case "ESP":
		return []number.Pattern{"AAA999999", "99999999A"}
	case "FRA":
		return []number.Pattern{"999999999999", "**99*****", "*********"}
	case "ITA":
		return []number.Pattern{"AA99999AA", "AA9999999"}
	case "NLD":
		return []number.Pattern{"nnNNNNNN9"}
	case "POL":
		return []number.Pattern{"AAA999999"}
	case "TUR":
		return []number.Pattern{"A99A99999"}
	}
	return nil
}

// nationalNumber verifies the check digit that a country (ISO 3166-1 alpha-3) puts into its personal numbers. text holds letters and
// digits only.
func nationalNumber(country, text string) number.Verdict {
	rule, ok := number.Of(country)
	if !ok {
		return number.Unknown
	}
	return rule.Check(text)
}

// compact keeps the letters and digits of a number as compared and counted.
func compact(s string) string { return number.Compact(s) }
