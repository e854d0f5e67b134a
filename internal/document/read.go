package document

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"ekyc"
	"ekyc/internal/document/layout"
	"ekyc/internal/document/mrz"
	"ekyc/internal/vision"
)

// Read reads a document from the photographs of its sides. Errors: ErrDocumentNotFound when nothing in the front photograph speaks for
// an identity document, ErrCancelled, ErrInternal. What could not be read is absent from the result, which says why.
func (r *Reader) Read(ctx context.Context, in Input) (*Reading, error) {
	watch := &stopwatch{stages: map[string]float64{}}
	var searches *sync.WaitGroup
	if !in.SkipTraces {
		searches = &sync.WaitGroup{}
		defer searches.Wait() // the caller has the stages then, and writes into them
	}
	stop := watch.start("total")
	out := &Reading{Fields: map[Key]Field{}, Readings: map[Key][]Field{}, Conflicts: []Key{}, Barcodes: []BarcodeReading{}}
	var sides []*side
	for i, p := range []*vision.Pyramid{in.Front, in.Back} {
		if p == nil {
			continue
		}
		found, err := r.readPicture(ctx, p, i, in.Back == nil, searches, watch)
		if err != nil {
			return nil, err
		}
		sides = append(sides, found...)
	}
	if len(sides) == 0 {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "no photograph of a document was given")
	}
	if err := r.readMachine(ctx, sides, out, watch); err != nil {
		return nil, err
	}
	stopMeaning := watch.start("extract")
	known := recognise(sides)
	r.classify(sides, known, in, out)
	stopMeaning()
	if err := r.reread(ctx, sides, out, in.At, watch); err != nil {
		return nil, err
	}
	if err := r.readNational(ctx, sides, out.Detected.Country, watch); err != nil {
		return nil, err
	}
	stopMeaning = watch.start("extract")
	r.gather(sides, layoutOf(known, out), in, out)
	out.Specimen = specimenWordsOf(sides)
	stopMeaning()
	stopQuality := watch.start("quality")
	out.see(sides)
	out.show(sides)
	out.unmirror(sides)
	stopQuality()
	if !evident(sides, out) {
		return nil, ekyc.Errorf(ekyc.ErrDocumentNotFound, "no identity document was found in the image")
	}
	stop()
	out.Timings = watch.stages
	return out, nil
}

// readMachine judges the machine readable zone that reads best, and collects the bar codes.
func (r *Reader) readMachine(ctx context.Context, sides []*side, out *Reading, watch *stopwatch) error {
	defer watch.start("mrz")()
	best := sides[0]
	out.Barcodes = append(out.Barcodes, best.codes...)
	for _, s := range sides[1:] {
		out.Barcodes = append(out.Barcodes, s.codes...)
		if s.zone.better(best.zone) {
			best = s
		}
	}
	var err error
	out.MRZ, err = r.judge(ctx, best.pyramid, best.zone, best.boxes, best.index)
	return err
}

// see fills in what is seen of each side.
func (out *Reading) see(sides []*side) {
	for _, s := range sides {
		q := measureQuality(s.image, s.geometry)
		out.Sides = append(out.Sides, Side{Geometry: s.geometry, Image: s.image, Text: s.lines, Quality: q, Evidence: s.evidence()})
		if out.Portrait == nil {
			out.Portrait = s.portrait
		}
	}
	out.Quality = out.Sides[0].Quality
	out.Traces = out.traces()
}

// evident says whether what was seen speaks for an identity document. A zone or a bar code of the standard is one by itself; else print
// is needed, together with two more signs: words that name a document or an issuer, fields with captions, a portrait, the outline of a card.
func evident(sides []*side, out *Reading) bool {
	if out.MRZ.Found || slices.ContainsFunc(out.Barcodes, func(b BarcodeReading) bool { return b.Licence != nil }) {
		return true
	}
	const leastLines, leastSigns = 3, 2
	lines, signs := 0, 0
	for _, s := range sides {
		for _, l := range s.lines {
			if l.Confidence >= 0.7 && len(foldText(l.Text)) >= 3 {
				lines++
			}
		}
	}
	if slices.ContainsFunc(sides, func(s *side) bool { return s.geometry.Method == ByEdges }) {
		signs++
	}
	if out.Portrait != nil {
		signs++
	}
	if slices.ContainsFunc(out.Detected.Evidence, func(e string) bool { return strings.HasPrefix(e, "title:") }) {
		signs++
	}
	if out.Detected.Country != "" {
		signs++
	}
	fields := len(out.Fields)
	if fields >= 2 {
		signs++
	}
	if fields >= 4 {
		signs++
	}
	return lines >= leastLines && signs >= leastSigns
}

// classify decides what kind of document it is and who issued it.
func (r *Reader) classify(sides []*side, known []layout.Match, in Input, out *Reading) {
	var votes []vote
	issuers := map[string]float64{}
	order := []string{}
	issuer := func(code string, weight float64) {
		if _, has := issuers[code]; !has {
			order = append(order, code)
		}
		issuers[code] = 1 - (1-issuers[code])*(1-weight)
	}
	if out.MRZ.Found {
		z := out.MRZ.Zone
		if kind, subtype, ok := kindOfCode(z.DocumentCode); ok {
			votes = append(votes, vote{kind, subtype, zoneWeight, "mrz_code:" + z.DocumentCode})
		}
		if _, known := ekyc.CountryByCode(z.Issuer); known {
			issuer(z.Issuer, zoneWeight)
		} else if z.Issuer != "" {
			issuer(z.Issuer, unknownCodeWeight)
		}
	}
	for _, b := range out.Barcodes {
		if kind, ok := b.kind(); ok {
			votes = append(votes, vote{kind, "", barcodeWeight, "barcode:aamva"})
			if b.Licence.Country != "" {
				issuer(b.Licence.Country, barcodeWeight)
			}
		}
	}
	for _, s := range sides {
		votes = append(votes, r.titleVotes(s)...)
		r.issuerVotes(s, issuer)
	}
	if v, country, ok := layoutVote(known); ok && !out.MRZ.against(v, country) {
		votes = append(votes, v)
		issuer(country, layoutWeight)
	}
	if len(votes) == 0 {
		votes = r.untitled(sides, issuers)
	}
	if in.TypeHint != "" && len(votes) > 0 {
		votes = append(votes, vote{in.TypeHint, "", hintWeight, "hint"})
	}
	if hint, ok := ekyc.CountryByCode(in.CountryHint); ok && len(order) > 0 {
		issuer(hint.Code, hintWeight)
	}
	out.Detected = decide(votes)
	best := 0.0
	for _, code := range order {
		if issuers[code] > best {
			best, out.Detected.Country = issuers[code], code
		}
	}
	out.Detected.CountryISO = isoCode(out.Detected.Country)
	if out.Detected.Country == "" {
		best = 0.5 // an unknown issuer makes the kind no surer
	}
	out.Detected.Confidence *= 0.5 + best/2
}

// titleVotes are the words on one side by which documents name themselves. A residence permit or licence that is named so is one though
// its zone has the code of a card.
func (r *Reader) titleVotes(s *side) []vote {
	var votes []vote
	seen := map[string]bool{}
	for _, l := range s.lines {
		kind, subtype, word, ok := titleOf(l.Text)
		if !ok || l.Confidence < leastLine || seen[word] {
			continue
		}
		seen[word] = true
		weight := captionWeight
		upper := s.heads(l) && len(word) >= wholeWordLength
		if upper || len(foldText(l.Text)) <= len(word)+len(word)/2 || kind == ekyc.ResidencePermit || kind == ekyc.DriverLicense {
			weight = titleWeight
		}
		if s.zone != nil && (kind == ekyc.ResidencePermit || kind == ekyc.DriverLicense) && s.zone.reading.Zone != nil && strings.ContainsRune("IAC", rune((s.zone.reading.Zone.DocumentCode + " ")[0])) {
			weight = zoneWeight + 0.02
		}
		votes = append(votes, vote{kind, subtype, weight * l.Confidence, "title:" + strings.ToLower(word)})
	}
	if n := numberedLines(s.lines); n >= 4 && s.zone == nil {
		votes = append(votes, vote{ekyc.DriverLicense, "", licenceWeight, "numbered_fields"})
	}
	return votes
}

// numberedLines counts the different field numbers of a driving licence at the start of lines.
func numberedLines(lines []TextLine) int {
	seen := map[string]bool{}
	for _, l := range lines {
		if m := numberedField.FindStringSubmatch(l.Text); m != nil {
			seen[strings.ToLower(m[1])] = true
		}
	}
	n := 0
	for _, number := range []string{"1", "2", "3", "4a", "4b", "4c", "4d", "5", "9"} {
		if seen[number] {
			n++
		}
	}
	return n
}

// Weights of an issuer's name: as a line of its own, inside a line, and for names that may be a place's; each is more in the upper part
// of the document, where issuers are named.
const (
	wholeNameWeight, partNameWeight, stateWeight = 0.70, 0.40, 0.50
	upperPart, lowerShare                        = 0.35, 0.5
	americanWeight                               = 0.60 // print by the AAMVA standard; Canada follows it too
	unknownCodeWeight                            = 0.45 // a zone's issuer that is in no list
)

// signWeight is that of the distinguishing sign in the corner of a driving licence: few letters, easily misread.
const signWeight = 0.45

// inUpperLeft says whether a point lies where licences print the sign of their state.
func inUpperLeft(p vision.Point, image *vision.RGB) bool {
	const right, bottom = 0.22, 0.28
	return p.X < right*float64(image.Width) && p.Y < bottom*float64(image.Height)
}

// issuerVotes are the names of issuers in the print of a side.
func (r *Reader) issuerVotes(s *side, issuer func(code string, weight float64)) {
	americanPrint := american(s.lines)
	if americanPrint {
		issuer("USA", americanWeight)
	}
	numbered := numberedLines(s.lines) >= 4
	for _, l := range s.lines {
		if l.Confidence < leastLine {
			continue
		}
		if code := distinguishingSigns[strings.Trim(l.Text, " .·•*")]; code != "" && numbered && inUpperLeft(l.Box.Center(), s.image) {
			issuer(code, signWeight*l.Confidence)
		}
		name, whole, ok := r.countries.find(l.Text)
		if !ok {
			continue
		}
		if americanPrint && name.code == "GEO" { // the state, not the country
			name = countryName{code: "USA", state: true}
		}
		weight := partNameWeight
		if whole {
			weight = wholeNameWeight
		}
		if name.state {
			weight = stateWeight
		}
		if l.Box.Center().Y > upperPart*float64(s.image.Height) {
			weight *= lowerShare
		}
		issuer(name.code, weight*l.Confidence)
	}
}

// gather collects the fields of all sources, chooses the best of each and marks conflicts.
func (r *Reader) gather(sides []*side, l *layout.Layout, in Input, out *Reading) {
	add := func(fields map[Key]Field) {
		for _, key := range Keys {
			if f, ok := fields[key]; ok {
				out.Readings[key] = append(out.Readings[key], f)
			}
		}
	}
	if out.MRZ.Found {
		add(out.MRZ.fields(in.At))
	}
	for _, b := range out.Barcodes {
		add(b.fields())
	}
	stated := map[Key]Field{}
	for key, readings := range out.Readings {
		stated[key] = readings[0]
	}
	for _, s := range sides {
		v := &visual{
			lines: s.lines, side: s.index, captions: r.captions, countries: r.countries, at: in.At,
			monthFirst: out.Detected.Country == "USA" || american(s.lines),
			licence:    out.Detected.Type == ekyc.DriverLicense || numberedLines(s.lines) >= 4,
			mujer:      out.Detected.Country == "MEX" && out.Detected.Type != ekyc.Passport,
			twoScripts: printsTwoScripts(out.Detected.Country), adjectives: r.demonyms, stated: stated,
			country: out.Detected.Country, kind: out.Detected.Type,
		}
		if l == nil {
			add(v.extract())
			continue
		}
		v.monthFirst = l.Dates == layout.MonthFirst || l.Dates == layout.YearFirst && v.monthFirst
		v.licence = v.licence || l.Numbered
		add(laidOut(l, s, v, v.extract()))
	}
	completePermanent(out.Readings[KeyDateOfExpiry])
	for _, key := range Keys {
		readings := out.Readings[key]
		if len(readings) == 0 {
			continue
		}
		for i := range readings {
			readings[i].settle(key, readings)
			readings[i].complete(key)
		}
		best := slices.MaxFunc(readings, func(a, b Field) int { return cmp.Compare(rank(a), rank(b)) })
		out.Fields[key] = best
		if slices.ContainsFunc(readings, func(f Field) bool { return f.Source != best.Source && !sameValue(key, f.Value, best.Value) }) {
			out.Conflicts = append(out.Conflicts, key)
		}
	}
	out.completeName()
}

// settle gives a printed name the blanks that a machine readable zone or a bar code has between the same letters, and a printed number the
// digits or letters that it has where print was read as a character that looks the same.
func (f *Field) settle(key Key, readings []Field) {
	if f.Source != FromVisual {
		return
	}
	for _, other := range readings {
		switch {
		case other.Source == FromVisual:
		case key == KeySurname, key == KeyGivenNames, key == KeyFullName:
			f.Value = respace(f.Value, other.Value)
		case key == KeyDocumentNumber && other.Confidence > f.Confidence-lookAlikeDoubt:
			f.Value = likeCoded(f.Value, other.Value)
		}
	}
}

// lookAlikeDoubt is by how much print must be surer than a zone, whose digits are checked, for its characters to stand against those of the zone
// that look the same.
const lookAlikeDoubt = 0.2

// complete adds to a name its form in a machine readable zone, and to a country its code of ISO 3166-1.
func (f *Field) complete(key Key) {
	switch key {
	case KeySurname, KeyGivenNames, KeyFullName:
		f.Transliterated = strings.ReplaceAll(mrz.Transliterate(f.Value), "<", " ")
	case KeyNationality, KeyIssuingCountry:
		f.ISO = isoCode(f.Value)
	}
}

// rank orders the readings of a field: what check digits or error correction protect comes first, unless it is in doubt.
func rank(f Field) float64 {
	const protected = 0.3
	if f.Source != FromVisual {
		return f.Confidence + protected
	}
	return f.Confidence
}

// completeName builds the full name where only its parts were read.
func (out *Reading) completeName() {
	surname, has := out.Fields[KeySurname]
	given, hasGiven := out.Fields[KeyGivenNames]
	if _, hasFull := out.Fields[KeyFullName]; hasFull || !has || !hasGiven || surname.Source != given.Source {
		return
	}
	full := Field{
		Value: joinName(given.Value, surname.Value), Raw: joinName(given.Raw, surname.Raw), Source: surname.Source,
		Confidence: min(surname.Confidence, given.Confidence),
	}
	full.complete(KeyFullName)
	out.Fields[KeyFullName], out.Readings[KeyFullName] = full, []Field{full}
}

// sameValue compares two readings of a field. Print has accents, marks and names that the zone transliterates, cuts off or leaves
// out: letters are compared without marks, and a zone's name may be the beginning of the printed one.
func sameValue(key Key, a, b string) bool {
	fa, fb := foldText(a), foldText(b)
	if fa == fb {
		return true
	}
	switch key {
	case KeySurname, KeyGivenNames, KeyFullName:
		return strings.HasPrefix(fa, fb) || strings.HasPrefix(fb, fa)
	case KeyNationality, KeyIssuingCountry:
		ca, knownA := ekyc.CountryByCode(a)
		cb, knownB := ekyc.CountryByCode(b)
		return !knownA || !knownB || ca.Alpha3 != "" && ca.Alpha3 == cb.Alpha3 // an adjective of a language cannot be compared with a code
	case KeyOptionalData, KeyPersonalNumber:
		return strings.Contains(fa, fb) || strings.Contains(fb, fa)
	}
	return false
}
