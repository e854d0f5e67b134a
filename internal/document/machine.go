package document

import (
	"context"
	"math"
	"time"

	"ekyc/internal/document/mrz"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// MRZReason says why there is no machine readable zone to go by.
type MRZReason string

// The reasons. None: no rows that could be one. Illegible: rows are there and cannot be read. Format: they can be read and fit no format.
const (
	MRZNone      MRZReason = "none"
	MRZIllegible MRZReason = "illegible"
	MRZFormat    MRZReason = "format"
)

// Agreement is what the second reader says of the zone.
type Agreement string

// The agreements. NotAsked: there is no second reader, or it could not read every character under a check digit.
const (
	NotAsked Agreement = "not_asked"
	Agrees   Agreement = "agree"
	Differs  Agreement = "differ"
)

// MRZ is the machine readable zone as it was read. Valid: every check digit holds, the structure is the format's, and the reading itself is
// beyond doubt: check digits cannot tell all characters apart, so a weak character, or one that a second reader sees otherwise, is not vouched for.
type MRZ struct {
	Found      bool          `json:"found"`
	Reason     MRZReason     `json:"reason,omitempty"`
	Format     mrz.Format    `json:"format,omitempty"`
	Lines      []string      `json:"lines,omitempty"`
	Valid      bool          `json:"valid"`
	Weak       bool          `json:"weak"` // a character's reading is in doubt
	Zone       *mrz.Zone     `json:"zone,omitempty"`
	Confidence float64       `json:"confidence"`           // of the weakest character under a check digit, or of all where there is no digit, 0 to 1
	Characters [][]float64   `json:"characters,omitempty"` // confidence of each character of each line, none of a lost line
	Agreement  Agreement     `json:"agreement"`
	Region     Region        `json:"region"`
	Rows       []vision.Quad `json:"rows,omitempty"`      // native pixels, as the line network saw them
	Differing  []mrz.Span    `json:"differing,omitempty"` // characters that the second reader sees otherwise
	// Evidence is what the check digits prove of each field, and what they could not have noticed.
	Evidence []mrz.Evidence `json:"evidence,omitempty"`
}

const (
	// mrzSide is the longer side at which text is detected for the zone alone; a character of a passport that fills the image is then 18 pixels wide.
	mrzSide = 800
	// strongMargin in nats: a character this far from the runner-up stands against another reading of the second, weaker reader.
	strongMargin = 3.0
	// blindMargin is asked of characters that no check digit would tell from the runner-up.
	blindMargin = 2.0
	// differingShare: what is left of the confidence of a character that the second reader sees otherwise.
	differingShare = 0.6
)

// ReadMRZ reads the machine readable zone alone. A zone that is
// not there or cannot be read is a result with its reason. Errors: ErrCancelled, ErrInternal.
func (r *Reader) ReadMRZ(ctx context.Context, p *vision.Pyramid) (*MRZ, error) {
	boxes, err := r.detect(ctx, p, mrzSide)
	if err != nil {
		return nil, err
	}
	z, err := r.findZone(ctx, p, boxes)
	if err != nil {
		return nil, err
	}
	return r.judge(ctx, p, z, boxes, 0)
}

// judge turns a found zone into the result, with the second reader's opinion.
func (r *Reader) judge(ctx context.Context, p *vision.Pyramid, z *zone, boxes []ocr.Box, side int) (*MRZ, error) {
	if z == nil {
		m := &MRZ{Reason: MRZNone, Agreement: NotAsked}
		if g := groupRows(joinRows(boxes)); len(g) > 0 && likeZone(g[0]) {
			m.Reason = MRZIllegible
		}
		return m, nil
	}
	m := &MRZ{Found: true, Format: z.reading.Format, Lines: z.reading.Lines, Zone: z.reading.Zone, Weak: z.reading.Weak, Region: Region{side, z.quad()}}
	m.Evidence = m.Zone.Evidence()
	for _, row := range z.rows {
		m.Rows = append(m.Rows, row.quad(lineMargin*characterPitch*row.height, lineTall*row.height))
	}
	for _, line := range z.reading.Characters {
		confidences := []float64{} // none of a lost line
		for _, c := range line {
			confidences = append(confidences, float64(c.Confidence))
		}
		m.Characters = append(m.Characters, confidences)
	}
	second, err := r.secondReading(ctx, p, z)
	if err != nil {
		return nil, err
	}
	m.weigh(z.reading, second)
	return m, nil
}

// likeZone says whether rows look like a zone that cannot be read: two or three long rows of equal length.
func likeZone(group []row) bool {
	const aspect, alike = 14.0, 0.9
	shortest, longest, slim := math.Inf(1), 0.0, math.Inf(1)
	for _, r := range group {
		shortest, longest, slim = min(shortest, r.length()), max(longest, r.length()), min(slim, r.length()/r.height)
	}
	return slim >= aspect && shortest >= alike*longest
}

// secondReading reads the zone's lines with the recogniser of print, under the grammar of the format that was found. A line that it
// cannot read is empty.
func (r *Reader) secondReading(ctx context.Context, p *vision.Pyramid, z *zone) ([]string, error) {
	if r.models.MRZLine == nil { // it has read the zone already
		return nil, nil
	}
	read, err := r.printProbabilities(ctx, p, z.rows)
	if err != nil {
		return nil, err
	}
	grammar := mrz.Grammar(z.reading.Format)
	decoder := mrz.NewDecoder(mrz.DecoderOptions{})
	lines := make([]string, len(grammar))
	present := z.present()
	for i, steps := range read {
		if line, err := decoder.Line(steps, grammar[present[i]]); err == nil {
			lines[present[i]] = line.Text
		}
	}
	return lines, nil
}

// weigh compares the readings and decides what is vouched for.
func (m *MRZ) weigh(first *mrz.Reading, second []string) {
	agreement := first.Merge(second)
	m.Agreement = NotAsked // also of a reader that missed what check digits cover: it has vouched for nothing
	if agreement.Holds() {
		m.Agreement = Agrees
	}
	doubted := m.Weak
	bare := len(m.Zone.Checks) == 0 // nothing but the readers vouches for any character
	for _, d := range agreement.Differences {
		m.Differing = append(m.Differing, mrz.Span{Line: d.Line, From: d.Column, To: d.Column + 1})
		m.Characters[d.Line][d.Column] *= differingShare
		if d.Covered || bare {
			m.Agreement = Differs
			doubted = doubted || float64(first.Characters[d.Line][d.Column].Margin) < strongMargin
		}
	}
	m.Confidence = 1
	for i, line := range first.Characters {
		for k, c := range line {
			if !c.Covered && !bare {
				continue
			}
			m.Confidence = min(m.Confidence, m.Characters[i][k])
			doubted = doubted || c.Blind && float64(c.Margin) < blindMargin
		}
	}
	m.Weak = doubted
	m.Valid = m.Zone != nil && m.Zone.Valid() && !doubted
}

// fields are the zone's fields in the contract's form.
func (m *MRZ) fields(at time.Time) map[Key]Field {
	z := m.Zone
	out := map[Key]Field{}
	add := func(key Key, value string, from ...mrz.Field) {
		if value == "" {
			return
		}
		f := Field{Value: value, Source: FromMRZ, Confidence: 1, Region: &m.Region}
		for _, name := range from {
			for _, span := range spansOf(z, name) {
				f.Raw += z.Lines[span.Line][span.From:span.To]
				f.Confidence = min(f.Confidence, m.confidenceOf(span, z.Status(name)))
			}
		}
		out[key] = f
	}
	add(KeyDocumentNumber, z.DocumentNumber, mrz.FieldDocumentNumber)
	add(KeySurname, z.Surname, mrz.FieldNames, mrz.FieldSurname)
	add(KeyGivenNames, z.GivenNames, mrz.FieldNames, mrz.FieldGivenNames)
	if z.Surname != "" && (z.GivenNames != "" || hasField(z, mrz.FieldNames)) {
		add(KeyFullName, joinName(z.GivenNames, z.Surname), mrz.FieldNames, mrz.FieldSurname, mrz.FieldGivenNames)
	}
	birth, expiry := z.Dates(at)
	add(KeyDateOfBirth, birth.Value, mrz.FieldBirthDate)
	add(KeyDateOfExpiry, expiry.Value, mrz.FieldExpiryDate)
	add(KeySex, z.Sex, mrz.FieldSex)
	add(KeyNationality, z.Nationality, mrz.FieldNationality)
	add(KeyIssuingCountry, z.Issuer, mrz.FieldIssuer)
	add(KeyOptionalData, joinName(z.Optional1, z.Optional2), mrz.FieldOptional1, mrz.FieldOptional2)
	return out
}

func hasField(z *mrz.Zone, field mrz.Field) bool {
	_, has := mrz.LayoutOf(z.Format).Span(field)
	return has
}

// spansOf is where a field stands: a long number goes on in the optional data, which then is none.
func spansOf(z *mrz.Zone, name mrz.Field) []mrz.Span {
	span, ok := mrz.LayoutOf(z.Format).Span(name)
	switch {
	case !ok, z.Misses(name), z.LongNumber && name == mrz.FieldOptional1:
		return nil
	case z.LongNumber && name == mrz.FieldDocumentNumber:
		check, _ := z.Check(name)
		return check.Covers
	}
	return []mrz.Span{span}
}

// refutedConfidence bounds the confidence of a field whose check digit does not hold.
const refutedConfidence = 0.4

// confidenceOf is that of the weakest character of a span, less where a check digit refutes it.
func (m *MRZ) confidenceOf(span mrz.Span, status mrz.Status) float64 {
	least := 1.0
	for k := span.From; k < span.To; k++ {
		least = min(least, m.Characters[span.Line][k])
	}
	if status == mrz.Refuted {
		least = min(least, refutedConfidence)
	}
	return least
}

func joinName(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + " " + second
}
