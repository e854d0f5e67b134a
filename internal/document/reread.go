package document

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"ekyc/internal/document/layout"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

const (
	// leastDoubt is the number of a line's characters that must be expected to be wrong, by the recogniser's own probabilities, for one of digits to be
	// read again. Of letters it loses marks without a doubt.
	leastDoubt = 0.08
	// mostReread bounds what is read again on a side, in widths of a line beside its height, the largest print first: the accurate recogniser takes about 3.5 ms
	// of one core for each.
	mostReread = 64.0
	// leastSecondReading is how sure a second reading must be that differs in marks and blanks alone.
	leastSecondReading = 0.9
)

// reread reads the values of a document again, from the same pixels with the accurate recogniser: those of all sides at once, so that its workers end
// together. What is proven already is not read again.
func (r *Reader) reread(ctx context.Context, sides []*side, out *Reading, at time.Time, watch *stopwatch) error {
	if r.models.Accurate == nil {
		return nil
	}
	defer watch.start("reread")()
	han, proven := printsHan(out.Detected.Country), out.proven(at)
	var lines []*TextLine
	var crops []*vision.RGB
	for _, s := range sides {
		for _, i := range r.doubtful(s.lines, han) {
			l := &s.lines[i]
			if proven.holds(l, at) {
				continue
			}
			if crop, ok := r.models.Accurate.Cut(s.pyramid, l.Quad); ok {
				lines, crops = append(lines, l), append(crops, crop)
			}
		}
	}
	read, err := r.models.Accurate.Read(ctx, crops, r.letters[han])
	if err != nil {
		return err
	}
	for k, l := range lines {
		l.secondReading(read[k], han)
	}
	return nil
}

// provenValues are numbers, reduced, and dates that need no second reading of the print that says the same.
type provenValues map[string]bool

// proven are the numbers and dates for which check digits and two readers vouch, or a bar code's error correction. Names are not among them: print has
// the marks that these lose.
func (out *Reading) proven(at time.Time) provenValues {
	values := provenValues{}
	add := func(fields map[Key]Field) {
		for _, key := range []Key{KeyDocumentNumber, KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry} {
			if f, has := fields[key]; has && key == KeyDocumentNumber {
				values[foldText(f.Value)] = true
			} else if has {
				values[f.Value] = true
			}
		}
	}
	if out.MRZ.Found && out.MRZ.Valid && out.MRZ.Agreement == Agrees {
		add(out.MRZ.fields(at))
	}
	for _, b := range out.Barcodes {
		add(b.fields())
	}
	return values
}

// holds says whether a line that was read surely is one of the values and nothing else.
func (values provenValues) holds(l *TextLine, at time.Time) bool {
	const sure = 0.9
	const shortest = 6 // characters of a number; shorter ones occur by chance
	if l.Confidence < sure || len(values) == 0 {
		return false
	}
	if number := foldText(l.Text); len(number) >= shortest && digitCount(number) > 0 && values[number] {
		return true
	}
	if !dateAlone.MatchString(l.Text) {
		return false
	}
	for _, monthFirst := range [2]bool{false, true} {
		if iso, _, ok := parseDate(l.Text, monthFirst, futureDate, at); ok && values[iso] {
			return true
		}
	}
	return false
}

// doubtful are the lines worth a second reading, the largest first: what is not known for a caption, a title or a state's name.
func (r *Reader) doubtful(lines []TextLine, han bool) []int {
	var which []int
	for i, l := range lines {
		doubt := (1 - l.Confidence) * float64(len([]rune(l.Text)))
		if letterCount(l.Text) < 2 && (digitCount(l.Text) < 2 || doubt < leastDoubt) && !oddIn(l.Text, han) {
			continue
		}
		_, _, _, title := titleOf(l.Text)
		_, state, _ := r.countries.find(l.Text)
		if c, caption := r.captions.split(unnumbered(l.Text)); caption && c.value == "" || title || state {
			continue
		}
		which = append(which, i)
	}
	slices.SortStableFunc(which, func(a, b int) int { return int(lines[b].Box.Height() - lines[a].Box.Height()) })
	width := 0.0
	for k, i := range which {
		if width += lines[i].Box.Width() / max(1, lines[i].Box.Height()); width > mostReread {
			return which[:k]
		}
	}
	return which
}

// secondReading takes what a better recogniser reads in a line, where it reads mostly the same letters: of two readings that have nothing in common
// neither is known to be right. Where letters differ it must be as sure as the first one was, unless that has characters that no document prints. Blanks,
// which recognisers lose and do not invent, are kept of both.
func (l *TextLine) secondReading(second ocr.Line, han bool) {
	text := strings.TrimSpace(second.Text)
	a, b := foldText(l.Text), foldText(text)
	most := max(len(a), len(b)) / 3
	least := l.Confidence
	if a == b && marked(text) >= marked(l.Text) {
		least = min(least, leastSecondReading)
	}
	if second.Confidence < least && !oddIn(l.Text, han) || b == "" || layout.Distance([]byte(a), []byte(b), most) > most {
		return
	}
	if l.Text == strings.ToUpper(l.Text) { // ő among capitals is Ő
		text = strings.ToUpper(text)
	}
	if strings.Count(l.Text, " ") > strings.Count(text, " ") {
		text = respace(text, l.Text)
	}
	l.Text, l.Confidence = text, second.Confidence
}

// marked counts the letters of a text with marks.
func marked(text string) int {
	n := 0
	for _, r := range text {
		if r > unicode.MaxASCII && unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// odd says whether a character is none that documents print in the scripts that the print recognisers know; Chinese and Japanese ones are where
// the issuer does not write them.
func odd(r rune, han bool) bool {
	switch script := scriptOf(r); {
	case r <= unicode.MaxLatin1, unicode.Is(unicode.Latin, r), unicode.IsPunct(r), r == '№', r == 0:
		return false
	case script == "Grek":
		return false
	default:
		return script == "" || !han
	}
}

func oddIn(text string, han bool) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return odd(r, han) })
}

// printsHan says whether a country's documents print Chinese or Japanese; where the country is not known they may.
func printsHan(country string) bool {
	return slices.Contains([]string{"", "CHN", "TWN", "HKG", "MAC", "JPN", "KOR", "SGP"}, country)
}
