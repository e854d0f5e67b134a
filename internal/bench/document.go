package bench

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/document/mrz"
	"ekyc/internal/engine"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// sureName is the confidence from which a name counts as reported.
const sureName = 0.9

// documentLabel is one entry of documents/labels.json.
type documentLabel struct {
	File        string           `json:"file"`
	Back        string           `json:"back"` // photograph of the other side, where there is one
	Type        string           `json:"type"`
	Country     string           `json:"country"`
	MRZ         []string         `json:"mrz"`
	MRZValid    bool             `json:"mrz_valid"`
	Fields      map[string]any   `json:"fields"`
	Holder      string           `json:"holder"`
	Kind        string           `json:"kind"`         // of a generated document; empty: Type
	Printed     []string         `json:"printed"`      // keys of the fields that are printed for people; see printed
	Places      []specimen.Place `json:"places"`       // of generated pictures
	Attack      string           `json:"attack"`       // of a generated forgery, whose print is not measured
	AttackField string           `json:"attack_field"` // which the forgery concerns
}

// labelTypes are the words of the labels in the program's terms. Visas are OtherDocument with the subtype "visa".
var labelTypes = map[string]ekyc.DocumentType{
	"passport": ekyc.Passport, "id_card": ekyc.IDCard, "driving_licence": ekyc.DriverLicense, "driver_license": ekyc.DriverLicense,
	"residence_permit": ekyc.ResidencePermit, "visa": ekyc.OtherDocument,
}

// negative says whether the picture shows something that must not pass for a document.
func (l documentLabel) negative() bool {
	return l.Type == "passport_mock" || l.Type == "not_identity"
}

// documentCount collects the findings over all pictures.
type documentCount struct {
	exact, allHold, falseValid, validReported, nameErrors, nameCoverage tally
	kind, country, negatives                                            tally
	fields                                                              map[string]*tally
	print                                                               *visualCount
	places                                                              places
	alterations                                                         *alterations
}

// document reads every picture of documents/, one at a time.
func (b *Bench) document(ctx context.Context) (*DocumentResult, error) {
	var labels []documentLabel
	if err := readJSON(filepath.Join(b.dir, "documents", "labels.json"), &labels); err != nil {
		return nil, err
	}
	labels = slices.DeleteFunc(labels, func(l documentLabel) bool { return !b.split.keeps(labelKey(l)) })
	count := &documentCount{fields: map[string]*tally{}, print: newVisualCount(), places: places{}, alterations: newAlterations()}
	progress := b.progress("document", len(labels))
	defer progress.done()
	for _, l := range labels {
		if err := b.readOne(ctx, l, count); err != nil {
			return nil, err
		}
		progress.step()
	}
	result := count.result(len(labels))
	var err error
	result.Latency, result.MRZ.LatencyMRZ, err = b.timeDocuments(ctx)
	return result, err
}

// labelKey is what halves the set: the holder where one is named, else the file.
func labelKey(l documentLabel) string {
	if l.Holder != "" {
		return l.Holder
	}
	return l.File
}

func (b *Bench) readOne(ctx context.Context, l documentLabel, count *documentCount) error {
	data, err := b.read("documents", l.File)
	if err != nil {
		return err
	}
	request := engine.DocumentRequest{At: time.Now()}
	if l.Back != "" {
		back, err := b.read("documents", l.Back)
		if err != nil {
			return err
		}
		if request.Back, err = vision.Decode(back, documentLimits); err != nil {
			return unreadable(l.Back, err)
		}
	}
	request.Front, err = vision.Decode(data, documentLimits)
	var reading *document.Reading
	if err == nil {
		reading, err = b.engine.ReadDocument(ctx, request)
	}
	if ekyc.CodeOf(err) == ekyc.ErrCancelled {
		return err
	}
	if err != nil {
		b.fault("documents/"+l.File, string(ekyc.CodeOf(err)))
		reading = &document.Reading{}
	}
	verdict := b.engine.Validate(reading, check.Policy{SpecimensAllowed: true}, request.At)
	if l.negative() {
		count.negatives.add(verdict.DocumentValid)
		return nil
	}
	if alarms, missed := count.alterations.add(l, reading, verdict); len(alarms) > 0 {
		b.fault("alterations/"+l.File, strings.Join(alarms, " "))
	} else if missed != "" {
		b.fault("covered/"+l.File, missed)
	}
	count.identity(l, reading)
	if wrong := count.places.add(l, reading); wrong != "" {
		b.fault("documents/"+l.File, wrong)
	}
	if wrong := count.print.add(l, reading); len(wrong) > 0 {
		b.fault("print/"+l.File, strings.Join(wrong, " "))
	}
	if len(l.MRZ) > 0 {
		if wrong := count.zone(l, reading, verdict.MRZValid); wrong != "" {
			b.fault("documents/"+l.File, wrong)
		}
		return nil
	}
	count.visual(l, reading)
	return nil
}

// identity compares type and country.
func (c *documentCount) identity(l documentLabel, r *document.Reading) {
	if want, known := labelTypes[l.Type]; known {
		c.kind.add(r.Detected.Type == want && (l.Type == "visa") == (r.Detected.Subtype == "visa"))
	}
	if l.Country != "" {
		c.country.add(sameCountry(l.Country, r.Detected.Country))
	}
}

func sameCountry(want, got string) bool {
	if want == got {
		return true
	}
	w, okW := ekyc.CountryByCode(want)
	g, okG := ekyc.CountryByCode(got)
	return okW && okG && w.Alpha3 != "" && w.Alpha3 == g.Alpha3
}

// zone compares the machine readable zone character by character; it says what is wrong, and "" when nothing is.
func (c *documentCount) zone(l documentLabel, r *document.Reading, valid bool) string {
	var lines []string
	if r.MRZ != nil {
		lines = r.MRZ.Lines
	}
	exact := slices.Equal(lines, l.MRZ)
	c.exact.add(exact)
	truth, err := mrz.Parse(l.MRZ)
	if err != nil {
		return "the truth is not a machine readable zone"
	}
	holds := r.MRZ != nil && r.MRZ.Zone != nil && !slices.ContainsFunc(r.MRZ.Zone.Checks, func(k mrz.Check) bool { return !k.Holds })
	c.allHold.add(holds)
	wrongCovered := valid && coveredDiffers(truth, lines)
	c.falseValid.add(wrongCovered)
	if l.MRZValid {
		c.validReported.add(valid)
	}
	for key, want := range map[document.Key]string{document.KeySurname: truth.Surname, document.KeyGivenNames: truth.GivenNames} {
		if want == "" {
			continue
		}
		field, reported := r.Fields[key]
		reported = reported && field.Confidence >= sureName
		c.nameCoverage.add(reported)
		if reported {
			c.nameErrors.add(!sameName(field.Value, want))
		}
	}
	c.zoneFields(truth, r)
	switch {
	case wrongCovered:
		return "reported valid while a covered field is wrong"
	case exact:
		return ""
	case len(lines) == 0:
		return "no machine readable zone was read"
	}
	return "a character of the machine readable zone is wrong"
}

// coveredDiffers says whether any character under a check digit differs from the truth.
func coveredDiffers(truth *mrz.Zone, lines []string) bool {
	if len(lines) != len(truth.Lines) {
		return true
	}
	layout := mrz.LayoutOf(truth.Format)
	for i, line := range truth.Lines {
		if len(lines[i]) != len(line) {
			return true
		}
		for j := range line {
			if layout.Covered(i, j) && lines[i][j] != line[j] {
				return true
			}
		}
	}
	return false
}

// sameName compares names as a machine readable zone writes them, and as they stand where it cannot write them.
func sameName(got, want string) bool {
	g, w := strings.Trim(mrz.Transliterate(got), "<"), strings.Trim(mrz.Transliterate(want), "<")
	if w == "" {
		return got == want
	}
	return g == w
}

// zoneFields compares the fields that the zone proves, in their normalised form.
func (c *documentCount) zoneFields(truth *mrz.Zone, r *document.Reading) {
	birth, expiry := truth.Dates(time.Now())
	for key, want := range map[document.Key]string{
		document.KeyDocumentNumber: truth.DocumentNumber, document.KeyDateOfBirth: birth.Value,
		document.KeyDateOfExpiry: expiry.Value, document.KeySex: truth.Sex, document.KeyNationality: truth.Nationality,
		document.KeySurname: truth.Surname, document.KeyGivenNames: truth.GivenNames,
	} {
		if want == "" {
			continue
		}
		got, read := r.Fields[key]
		ok := read && (got.Value == want || sameName(got.Value, want) || key == document.KeyNationality && sameCountry(want, got.Value))
		c.field(string(key)).add(ok)
	}
}

// visual compares the fields of a picture without machine readable zone with those that were read by eye.
func (c *documentCount) visual(l documentLabel, r *document.Reading) {
	for name, value := range l.Fields {
		want, isText := value.(string)
		key, renamed := labelKeys[name]
		if !renamed {
			key = document.Key(name)
		}
		if !isText || want == "" || !slices.Contains(document.Keys, key) {
			continue
		}
		got, read := r.Fields[key]
		c.field("viz_" + string(key)).add(read && (got.Value == want || sameName(got.Value, want)))
	}
}

func (c *documentCount) field(name string) *tally {
	if c.fields[name] == nil {
		c.fields[name] = &tally{}
	}
	return c.fields[name]
}

func (c *documentCount) result(images int) *DocumentResult {
	r := &DocumentResult{
		Images: images, Type: c.kind.rate(), Country: c.country.rate(), Fields: map[string]Rate{},
		NegativesAccepted: c.negatives.rate(), Visual: c.print.result(),
		MRZ: DocumentMRZ{
			Present: c.exact.trials, Exact: c.exact.rate(), AllChecksHold: c.allHold.rate(), FalseValid: c.falseValid.rate(),
			ValidReported: c.validReported.rate(), NameErrors: c.nameErrors.rate(), NameCoverage: c.nameCoverage.rate(),
		},
	}
	r.Places = c.places.result()
	r.Alterations = c.alterations.result()
	for name, t := range c.fields {
		r.Fields[name] = t.rate()
	}
	return r
}
