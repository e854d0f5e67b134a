package tesseract

import (
	"slices"
	"strings"

	"ekyc"
)

// Script is a script by its code of ISO 15924.
type Script string

// The scripts that can be read. Besides its letters each knows figures and punctuation; Latin letters are left to the PP-OCR
// recognisers, which read them better. Arabic comprises the letters and figures of Persian, Urdu and Pashto, and does not keep those
// apart that look alike: a final yeh or a figure can come as its Persian twin.
const (
	Cyrillic   Script = "Cyrl"
	Arabic     Script = "Arab"
	Devanagari Script = "Deva"
	Greek      Script = "Grek"
)

// Scripts lists them.
var Scripts = []Script{Cyrillic, Arabic, Devanagari, Greek}

// pack says where the network of a script is: the name of its data file, and the Debian package that has it.
type pack struct{ data, debian string }

var packs = map[Script]pack{
	Cyrillic:   {"Cyrillic", "tesseract-ocr-script-cyrl"},
	Arabic:     {"Arabic", "tesseract-ocr-script-arab"},
	Devanagari: {"Devanagari", "tesseract-ocr-script-deva"},
	Greek:      {"Greek", "tesseract-ocr-script-grek"},
}

// printedIn says whose passports and identity cards print names or captions in a script beside Latin, by ICAO's code. A country that
// has another such script, or several, is not in it: Georgia, Armenia, Israel, Ethiopia, Eritrea, Sri Lanka, Bangladesh, Thailand and those
// that write Chinese, Japanese or Korean, for which the print recogniser or no reader is the right one. Nor are countries that
// have gone over to Latin letters: Moldova, Azerbaijan, Uzbekistan, Turkmenistan, Montenegro.
var printedIn = map[Script][]string{
	Cyrillic: {
		"BGR", "BIH", "BLR", "KAZ", "KGZ", "MKD", "MNG", "RUS", "SRB", "TJK", "UKR",
		"SCG", "YUG", // withdrawn, on documents that were issued before
	},
	Arabic: {
		"ARE", "BHR", "COM", "DJI", "DZA", "EGY", "IRQ", "JOR", "KWT", "LBN", "LBY", "MAR", "MRT", "OMN", "PSE", "QAT", "SAU", "SDN", "SOM", "SYR", "TCD",
		"TUN", "YEM",
		"AFG", "IRN", "PAK", // Dari and Pashto, Persian, Urdu
	},
	Devanagari: {"IND", "NPL"},
	Greek:      {"CYP", "GRC"},
}

// ScriptOf gives the script that a country's documents print beside Latin, and false where there is none or none that can be read.
// country is a code as documents print it, or of ISO 3166-1.
func ScriptOf(country string) (Script, bool) {
	code := alpha3(country)
	for _, script := range Scripts {
		if slices.Contains(printedIn[script], code) {
			return script, true
		}
	}
	return "", false
}

// alpha3 is the code by which printedIn and alphabets know a country.
func alpha3(country string) string {
	code := strings.ToUpper(strings.Trim(country, "< "))
	if c, ok := ekyc.CountryByCode(code); ok && c.Alpha3 != "" {
		return c.Alpha3
	}
	return code
}
