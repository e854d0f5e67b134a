package document

import (
	"slices"
	"testing"
	"time"

	"ekyc/internal/document/mrz"
)

// passportReading is the specimen of ICAO Doc 9303-4 Appendix B as a line reader without doubts gives it.
func passportReading(t *testing.T) *mrz.Reading {
	t.Helper()
	return readingOf(t, "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
}

func readingOf(t *testing.T, lines ...string) *mrz.Reading {
	t.Helper()
	z, err := mrz.Parse(lines)
	if err != nil || !z.Valid() {
		t.Fatalf("the zone is not valid: %v", err)
	}
	r := &mrz.Reading{Format: z.Format, Lines: lines, Zone: z}
	for i, line := range lines {
		characters := make([]mrz.Character, len(line))
		for k := range line {
			characters[k] = mrz.Character{Symbol: line[k], Margin: mrz.MaxMargin, Confidence: 0.99, Network: 0.99, Covered: i == 1}
		}
		r.Characters = append(r.Characters, characters)
	}
	return r
}

// machineReadable is the result before the readers are compared.
func machineReadable(r *mrz.Reading) *MRZ {
	m := &MRZ{Found: true, Format: r.Format, Lines: r.Lines, Zone: r.Zone}
	for _, line := range r.Characters {
		confidences := make([]float64, len(line))
		for k, c := range line {
			confidences[k] = c.Confidence
		}
		m.Characters = append(m.Characters, confidences)
	}
	return m
}

// TestASecondReaderAgreesOnlyWithWhatItRead: a reader that could not read a line with check digits has vouched for none of them.
func TestASecondReaderAgreesOnlyWithWhatItRead(t *testing.T) {
	t.Parallel()
	r := passportReading(t)
	other := []byte(r.Lines[1])
	other[3] = 'B' // for 8
	for name, test := range map[string]struct {
		second []string
		want   Agreement
	}{
		"both lines":           {r.Lines, Agrees},
		"the first line alone": {[]string{r.Lines[0], ""}, NotAsked},
		"nothing":              {[]string{"", ""}, NotAsked},
		"no reader":            {nil, NotAsked},
		"another character":    {[]string{r.Lines[0], string(other)}, Differs},
	} {
		m := machineReadable(passportReading(t))
		m.weigh(passportReading(t), test.second)
		if m.Agreement != test.want || !m.Valid {
			t.Errorf("%s: %s, valid %t; want %s", name, m.Agreement, m.Valid, test.want)
		}
	}
}

// TestADoubtfulCharacterIsNotVouchedFor: neither one that the readers see differently without a clear winner, nor one that no check
// digit would tell from the runner-up.
func TestADoubtfulCharacterIsNotVouchedFor(t *testing.T) {
	t.Parallel()
	r := passportReading(t)
	r.Characters[1][3].Margin = strongMargin - 0.1
	other := []byte(r.Lines[1])
	other[3] = 'B'
	m := machineReadable(r)
	if m.weigh(r, []string{r.Lines[0], string(other)}); m.Valid || !m.Weak || !slices.Equal(m.Differing, []mrz.Span{{Line: 1, From: 3, To: 4}}) {
		t.Errorf("the readers differ on a weak character: valid %t, weak %t, differing %v", m.Valid, m.Weak, m.Differing)
	}
	r = passportReading(t)
	r.Characters[1][3].Margin, r.Characters[1][3].Blind = blindMargin-0.1, true
	m = machineReadable(r)
	if m.weigh(r, r.Lines); m.Valid || !m.Weak {
		t.Errorf("a blind character is in doubt: valid %t, weak %t", m.Valid, m.Weak)
	}
}

// TestTheHolderWasBornBeforeTheDocumentRanOut: as the checks take it.
func TestTheHolderWasBornBeforeTheDocumentRanOut(t *testing.T) {
	t.Parallel()
	r := passportReading(t)
	r.Zone.BirthDate = mrz.ParseDate("121212") // its expiry is 120415
	m := machineReadable(r)
	m.weigh(r, nil)
	if f := m.fields(time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)); f[KeyDateOfBirth].Value != "1912-12-12" || f[KeyDateOfExpiry].Value != "2012-04-15" {
		t.Errorf("born %s, expired %s", f[KeyDateOfBirth].Value, f[KeyDateOfExpiry].Value)
	}
}

// TestACardThatNeverExpires: Spain prints 01 01 9999 beside a zone of 990101, which alone would be the year 1999.
func TestACardThatNeverExpires(t *testing.T) {
	t.Parallel()
	zone := Field{Value: "1999-01-01", Raw: "990101", Source: FromMRZ, Confidence: 0.99}
	for _, c := range []struct {
		printed string
		sure    float64
		want    string
	}{{"9999-01-01", 0.97, "9999-01-01"}, {"9999-01-01", 0.6, "1999-01-01"}, {"1999-01-01", 0.97, "1999-01-01"}} {
		readings := []Field{zone, {Value: c.printed, Source: FromVisual, Confidence: c.sure}}
		if completePermanent(readings); readings[0].Value != c.want {
			t.Errorf("beside %s at %v the zone's date is %s, not %s", c.printed, c.sure, readings[0].Value, c.want)
		}
	}
	other := []Field{{Value: "2031-01-01", Source: FromMRZ}, {Value: "9999-01-01", Source: FromVisual, Confidence: 1}}
	if completePermanent(other); other[0].Value != "2031-01-01" {
		t.Errorf("a zone with another year became %s", other[0].Value)
	}
}

// TestALongNumberIsAsSureAsItsLastCharacters: those that stand in the optional data count, and are no optional data.
func TestALongNumberIsAsSureAsItsLastCharacters(t *testing.T) {
	t.Parallel()
	r := readingOf(t, "I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<") // ICAO Doc 9303-5 note j
	r.Characters[0][16].Confidence = 0.5
	fields := machineReadable(r).fields(time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC))
	if f := fields[KeyDocumentNumber]; f.Value != "D23145890734" || f.Raw != f.Value || f.Confidence != 0.5 {
		t.Errorf("number %s, as printed %s, confidence %.2f", f.Value, f.Raw, f.Confidence)
	}
	if f, has := fields[KeyOptionalData]; has {
		t.Errorf("optional data %s", f.Value)
	}
}
