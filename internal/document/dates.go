package document

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// monthNames are the beginnings of the months' names, reduced to A–Z, in the languages of ICAO documents; the first three to four letters
// suffice, since ICAO 9303-3 abbreviates so. An abbreviation that two languages use for different months is left out, or stands for the
// month of the language with more documents.
var monthNames = []string{
	"JAN GEN ENE STY SIJ LED JAAN TAM OCA OCAK IAN",
	"FEB FEV LUT VEL UNO VEEB HEL SUB FEBR PEB",
	"MAR MRZ MAE MRT MAART OZU BRE MAER MARS",
	"APR AVR ABR KWI TRA DUB HUH NIS AVRIL ABRIL",
	"MAI MAY MAG MAJ SVI KVE TOU MEI MAGGIO MAYO",
	"JUN JUIN GIU CZE KES HAZ IUN JUNE JUNIO GIUGNO MEITH MEITHEAMH",
	"JUL JUIL LUG LIP CVC HEI TEM IUL JULY JULIO LUGLIO",
	"AUG AOU AGO SIE KOL SRPN ELO AGU AOUT AGOSTO",
	"SEP SET WRZ RUJ ZAR SYY EYL SEPT",
	"OKT OCT OTT OUT PAZ RIJ LOK EKI OTTOBRE OUTUBRO",
	"NOV STU LIS KAS MARRAS",
	"DEC DEZ DIC GRU PRO JOU ARA DECEMBRE DICIEMBRE DES",
}

func monthOf(word string) (int, bool) {
	word = foldText(word)
	if len(word) < 3 {
		return 0, false
	}
	for _, length := range []int{len(word), 4, 3} {
		if length > len(word) {
			continue
		}
		for m, names := range monthNames {
			for name := range strings.FieldsSeq(names) {
				if name == word[:length] {
					return m + 1, true
				}
			}
		}
	}
	return 0, false
}

// monthOfTwo gives the month of one or two words. Of two the second is English, French or Spanish (ICAO Doc 9303-3), and counts where
// the first, of any language, begins like another month's name there: Irish "MEI" is June and Dutch "MEI" May.
func monthOfTwo(national, translated string) (month int, agreed, known bool) {
	first, knownFirst := monthOf(national)
	second, knownSecond := monthOf(translated)
	if !knownSecond {
		return first, true, knownFirst
	}
	return second, !knownFirst || first == second, true
}

var (
	numericDate  = regexp.MustCompile(`(?:^|[^0-9])(\d{1,2})\s?[.,/\- ]\s?(\d{1,2})\s?[.,/\- ]\s?(\d{4}|\d{2})(?:$|[^0-9])`)
	isoDate      = regexp.MustCompile(`(?:^|[^0-9])((?:19|20)\d{2})\s?[.,/\- ]\s?(\d{1,2})\s?[.,/\- ]\s?(\d{1,2})(?:$|[^0-9])`)
	compactDate  = regexp.MustCompile(`(?:^|[^0-9])(\d{2})(\d{2})((?:19|20)\d{2})(?:$|[^0-9])`)
	spacedDate   = regexp.MustCompile(`(?:^|[^0-9])(\d{2}) ?(\d{2}) ?((?:19|20)\d{2})(?:$|[^0-9])`)
	dayMonthYear = regexp.MustCompile(`(?:^|[^0-9])(\d{1,2})\s*[.\- ]?\s*(\p{L}{3,})\.?\s*(?:/\s*(\p{L}[\p{L}01]+)\.?)?\s*[.\-/ ]?\s*(\d{4}|\d{2})(?:$|[^0-9\p{L}])`)
	// misreadMonths has a stroke between the months of two languages that was taken for a letter or a digit.
	misreadMonths = regexp.MustCompile(`(?:^|[^0-9])(\d{1,2})\s*(\p{L}{3,})\s*[1Il|]\s?\p{L}{2,5}\s+(\d{4}|\d{2})(?:$|[^0-9\p{L}])`)
	// misreadDate has a stroke that was taken for a letter or a digit.
	misreadDate  = regexp.MustCompile(`(?:^|[^0-9])(\d{2})[./\-1Il|](\d{2})[./\-1Il|]((?:19|20)\d{2})(?:$|[^0-9])`)
	yearMonthDay = regexp.MustCompile(`(?:^|[^0-9])((?:19|20)\d{2})\s?[.\-/ ]?\s?(\p{L}{3,})\.?\s?[.\-/ ]?\s?(\d{1,2})(?:$|[^0-9])`)
	hanDate      = regexp.MustCompile(`((?:19|20)\d{2})\s*[年년]\s*(\d{1,2})\s*[月월.]\s*(\d{1,2})`)
	hanMonth     = regexp.MustCompile(`(?:^|[^0-9])(\d{1,2})\s?(\d{1,2})\s?月\s?/?[^0-9]*((?:19|20)\d{2})`)
	monthDayYear = regexp.MustCompile(`(\p{L}{3,})\.?\s+(\d{1,2}),?\s+(\d{4})(?:$|[^0-9])`)
)

// century says how a two-digit year is completed.
type century int

const (
	pastDate   century = iota // birth and issue: not after today
	futureDate                // expiry: up to fifty years ahead
)

// printedDate mends what the recogniser takes for each other in dates: dashes, and the letter O in a month's name.
var printedDate = strings.NewReplacer("–", "-", "—", "-", "0OCT", "OCT", "0OKT", "OKT", "0CT", "OCT", "0KT", "OKT", "N0V", "NOV", "A0U", "AOU", "AG0", "AGO")

// parseDate finds one date in printed text and gives it as ISO 8601. monthFirst is the order of the United States; sure is false where
// day and month could be exchanged and nothing settles it, or the year has two digits.
func parseDate(text string, monthFirst bool, c century, at time.Time) (iso string, sure, ok bool) {
	text = printedDate.Replace(strings.ToUpper(text))
	if iso, found := eraDateIn(text, c, at); found {
		return iso, iso != "", iso != ""
	}
	if m := isoDate.FindStringSubmatch(text); m != nil {
		return buildDate(m[1], atoi(m[2]), m[3], c, at)
	}
	if m := hanDate.FindStringSubmatch(text); m != nil {
		return buildDate(m[1], atoi(m[2]), m[3], c, at)
	}
	if strings.ContainsAny(text, "年년") { // of an era whose name was not read
		return "", false, false
	}
	if m := misreadMonths.FindStringSubmatch(text); m != nil {
		if month, known := monthOf(m[2]); known {
			return buildDate(m[3], month, m[1], c, at)
		}
	}
	if m := dayMonthYear.FindStringSubmatch(text); m != nil {
		if month, agreed, known := monthOfTwo(m[2], m[3]); known {
			iso, sure, ok = buildDate(m[4], month, m[1], c, at)
			return iso, sure && agreed, ok
		}
	}
	if m := yearMonthDay.FindStringSubmatch(text); m != nil {
		if month, known := monthOf(m[2]); known {
			return buildDate(m[1], month, m[3], c, at)
		}
	}
	if m := hanMonth.FindStringSubmatch(text); m != nil {
		return buildDate(m[3], atoi(m[2]), m[1], c, at)
	}
	if m := monthDayYear.FindStringSubmatch(text); m != nil {
		if month, known := monthOf(m[1]); known {
			return buildDate(m[3], month, m[2], c, at)
		}
	}
	for _, form := range []*regexp.Regexp{numericDate, compactDate, spacedDate} {
		if m := form.FindStringSubmatch(text); m != nil {
			return numbers(m, monthFirst, c, at)
		}
	}
	if m := misreadDate.FindStringSubmatch(text); m != nil {
		iso, _, ok = numbers(m, monthFirst, c, at)
		return iso, false, ok
	}
	return "", false, false
}

// numbers settles the order of day and month in a date of numbers.
func numbers(m []string, monthFirst bool, c century, at time.Time) (iso string, sure, ok bool) {
	day, month := m[1], m[2]
	if monthFirst {
		day, month = month, day
	}
	if atoi(month) > 12 {
		day, month = month, day
		monthFirst = true // settled by the numbers
	}
	iso, sure, ok = buildDate(m[3], atoi(month), day, c, at)
	ambiguous := atoi(day) <= 12 && atoi(day) != atoi(month) && !monthFirst && strings.Contains(m[0], "/")
	return iso, sure && !ambiguous, ok
}

func buildDate(year string, month int, day string, c century, at time.Time) (iso string, sure, ok bool) {
	y, d := atoi(year), atoi(day)
	sure = len(year) == 4
	if !sure {
		y = completeYear(y, c, at)
		if c == pastDate && time.Date(y, time.Month(month), d, 0, 0, 0, 0, time.UTC).After(at) { // later this year
			y -= 100
		}
	}
	t := time.Date(y, time.Month(month), d, 0, 0, 0, 0, time.UTC)
	possible := y >= 1850 && y <= 2150 || y == permanentYear && c == futureDate
	if !possible || month < 1 || month > 12 || t.Day() != d || int(t.Month()) != month {
		return "", false, false
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, month, d), sure, true
}

// permanentYear is printed on cards that never expire: 01 01 9999 in Spain, 31 12 9999 in Portugal.
const permanentYear = 9999

// completePermanent gives the zone's date of expiry, which has 99 for the year, the century of a card that surely prints that it never expires. The
// checks do the same.
func completePermanent(readings []Field) {
	const sure = 0.9
	year := strconv.Itoa(permanentYear)
	printed := slices.ContainsFunc(readings, func(f Field) bool {
		return f.Source == FromVisual && f.Confidence >= sure && strings.HasPrefix(f.Value, year)
	})
	for i := range readings {
		if f := &readings[i]; printed && f.Source == FromMRZ && len(f.Value) >= len(year) && f.Value[2:4] == year[2:] {
			f.Value = year + f.Value[len(year):]
		}
	}
}

// completeYear gives a two-digit year its century: the latest that is not after this year, or for an expiry not more than fifty years ahead.
func completeYear(y int, c century, at time.Time) int {
	latest := at.Year()
	if c == futureDate {
		latest += 50
	}
	y += latest / 100 * 100
	if y > latest {
		y -= 100
	}
	return y
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
