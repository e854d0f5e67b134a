package layout

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	jsonv2 "github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v3"

	"ekyc"
	"ekyc/internal/document/number"
)

// compiled is the table as the generator writes it: reading 127 files of YAML takes 150 ms, this 5 ms.
//
//go:generate go run ./compile
//go:embed table.json
var compiled []byte

// Table is all layouts. It is never changed after it was read, and so safe for concurrent use.
type Table struct {
	layouts []*Layout
	// byCaption lists the layouts that print a reduced caption.
	byCaption map[string][]int
}

// Default is the table that comes with the program, made of the files in data by the generator. A test holds the two together, so an
// error is a fault of the build and ends the program.
var Default = sync.OnceValue(load)

func load() *Table {
	var layouts []*Layout
	err := jsonv2.Unmarshal(compiled, &layouts)
	if err == nil {
		for _, l := range layouts {
			l.prepare()
		}
		var t *Table
		if t, err = newTable(layouts); err == nil {
			return t
		}
	}
	panic(fmt.Errorf("the table of layouts: %w", err))
}

// Compile gives a table in the form that Default reads.
func (t *Table) Compile() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(t.layouts)
	return b.Bytes(), err
}

// Load reads all layouts of a directory, named <country>-<document>.yaml. Errors: every fault of every file, joined: unknown members, missing
// ones, values outside of their lists, patterns and rules that do not exist, two files that say the same.
func Load(files fs.FS, directory string) (*Table, error) {
	entries, err := fs.ReadDir(files, directory)
	if err != nil {
		return nil, err
	}
	layouts, faults := make([]*Layout, len(entries)), make([]error, len(entries))
	var group sync.WaitGroup
	for i, entry := range entries {
		group.Go(func() {
			text, err := fs.ReadFile(files, path.Join(directory, entry.Name()))
			if err == nil {
				layouts[i], err = Parse(entry.Name(), text)
			}
			faults[i] = err
		})
	}
	group.Wait()
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return newTable(layouts)
}

// Parse reads one layout. name is the file's. Errors as for Load.
func Parse(name string, text []byte) (*Layout, error) {
	l := &Layout{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(l); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(&Layout{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: a second document follows the first", name)
	}
	l.ID = strings.TrimSuffix(name, ".yaml")
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	l.prepare()
	return l, nil
}

var (
	formats  = []string{"", "none", "TD1", "TD2", "TD3", "FRA_ID", "FRA_DL", "NLD_DL", "ISO_DL", "CHE_DL"} // as package mrz names them
	sizes    = []string{"", "id1", "id2", "id3"}
	codes    = []string{"AAMVA", "pdf417", "qr", "code128", "aztec", "datamatrix"}
	kinds    = []ekyc.DocumentType{ekyc.Passport, ekyc.IDCard, ekyc.DriverLicense, ekyc.ResidencePermit, ekyc.OtherDocument}
	orders   = []DateOrder{"", DayFirst, MonthFirst, YearFirst}
	spots    = []Place{Near, Below, Right, Above, Anywhere}
	sexCodes = []string{"M", "F", "X"}
)

// check gives all faults of a layout.
func (l *Layout) check() error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if c, ok := ekyc.CountryByCode(l.Country); !ok || c.Alpha3 != l.Country {
		fault("country %q is no code of ISO 3166-1 alpha-3", l.Country)
	}
	if !strings.HasPrefix(l.ID, strings.ToLower(l.Country)+"-") {
		fault("the file's name does not begin with its country")
	}
	oneOf := func(what string, ok bool) {
		if !ok {
			fault("%s has a value that is not in its list", what)
		}
	}
	oneOf("type", slices.Contains(kinds, l.Type))
	oneOf("size", slices.Contains(sizes, l.Size))
	oneOf("mrz", slices.Contains(formats, l.MRZ))
	oneOf("dates", slices.Contains(orders, l.Dates))
	for _, code := range l.Barcodes {
		oneOf("barcodes", slices.Contains(codes, code))
	}
	for word, letter := range l.Sexes {
		oneOf("sexes", slices.Contains(sexCodes, letter) && Fold(word) != "")
	}
	if l.Name == "" || len(l.Languages) == 0 || len(l.Titles)+len(l.Marks) == 0 || len(l.Fields) == 0 {
		fault("name, languages, titles or marks, and fields are needed")
	}
	if l.Until > 0 && l.Until < l.Since {
		fault("until is before since")
	}
	for _, key := range l.Absent {
		if !slices.Contains(Keys, key) || l.Has(key) {
			fault("absent: %q is no field, or one that the document has", key)
		}
	}
	for key, f := range l.Fields {
		if err := f.check(key, l); err != nil {
			fault("field %s: %w", key, err)
		}
	}
	return errors.Join(append(faults, l.doubled())...)
}

func (f *Field) check(key string, l *Layout) error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if !slices.Contains(Keys, key) {
		fault("no such field")
	}
	if f == nil {
		return errors.Join(append(faults, errors.New("says nothing"))...)
	}
	if !slices.Contains(spots, f.Value) {
		fault("value %q is no place", f.Value)
	}
	if f.Value == Anywhere && len(f.Patterns) == 0 && !(key == "sex" && len(l.Sexes) > 0) {
		fault("a value anywhere needs patterns, or words for the sex")
	}
	if len(f.Captions) == 0 && f.Value != Anywhere && f.Box == nil && !l.Numbered {
		fault("nothing says where it is")
	}
	for _, pattern := range f.Patterns {
		if err := pattern.Check(); err != nil {
			faults = append(faults, err)
		}
	}
	if f.Rule != "" && !f.Rule.Known() {
		fault("there is no rule %q", f.Rule)
	}
	if b := f.Box; b != nil && (len(b) != 4 || b[0] < 0 || b[1] < 0 || b[2] > 1 || b[3] > 1 || b[0] >= b[2] || b[1] >= b[3]) {
		fault("the box is not left, top, right, bottom between 0 and 1")
	}
	const mostLines = 4
	if f.Lines < 0 || f.Lines > mostLines {
		fault("lines is not 0 to %d", mostLines)
	}
	return errors.Join(faults...)
}

// doubled finds a caption that stands for two fields.
func (l *Layout) doubled() error {
	owner := map[string]string{}
	var faults []error
	note := func(word, key string) {
		reduced := Fold(word)
		if reduced == "" {
			faults = append(faults, fmt.Errorf("field %s: a caption without letters", key))
		}
		if other, has := owner[reduced]; has && other != key {
			faults = append(faults, fmt.Errorf("the caption %q stands for %s and %s", word, min(other, key), max(other, key)))
		}
		owner[reduced] = key
	}
	for key, f := range l.Fields {
		if f == nil {
			continue
		}
		for _, word := range f.Captions {
			note(word, key)
		}
		for _, word := range f.Then {
			note(word, key+Continued)
		}
	}
	for _, word := range l.Words {
		note(word, otherWord)
	}
	return errors.Join(faults...)
}

// otherWord is the key of a caption that names no field of the contract.
const otherWord = ""

// prepare makes what recognition needs.
func (l *Layout) prepare() {
	l.captions = make([]caption, 0, 4*len(l.Fields)+len(l.Words)) // most fields have two or three captions
	l.titles, l.issuers, l.marks = anchors(l.Titles), anchors(l.Issuers), anchors(l.Marks)
	add := func(key, word string) {
		l.captions = append(l.captions, caption{key, anchorOf(word)})
		if other := numero.Replace(word); other != word { // "N°" is read as N, and as No
			l.captions = append(l.captions, caption{key, anchorOf(other)})
		}
	}
	for _, key := range Keys {
		if f := l.Fields[key]; f != nil {
			for _, word := range f.Captions {
				add(key, word)
			}
			for _, word := range f.Then {
				add(key+Continued, word)
			}
		}
	}
	for _, word := range l.Words {
		add(otherWord, word)
	}
	slices.SortStableFunc(l.captions, func(a, b caption) int { return cmp.Compare(len(b.text), len(a.text)) })
	l.sexes = map[string]string{}
	for word, letter := range l.Sexes {
		l.sexes[Fold(word)] = letter
	}
}

var numero = strings.NewReplacer("N°", "No", "Nº", "No", "n°", "no", "№", "No")

func anchors(words []string) []anchor {
	out := make([]anchor, len(words))
	for i, word := range words {
		out[i] = anchorOf(word)
	}
	return out
}

func anchorOf(word string) anchor {
	text := foldRunes([]rune(word)).text
	return anchor{text, letters(text)}
}

// newTable orders the layouts by name.
func newTable(layouts []*Layout) (*Table, error) {
	slices.SortFunc(layouts, func(a, b *Layout) int { return strings.Compare(a.ID, b.ID) })
	t := &Table{layouts: layouts, byCaption: make(map[string][]int, 16*len(layouts))}
	for i, l := range layouts {
		l.index = i
		if i > 0 && layouts[i-1].ID == l.ID {
			return nil, fmt.Errorf("two layouts are called %s", l.ID)
		}
		for _, c := range l.captions {
			word := string(c.text)
			if known := t.byCaption[word]; c.key != otherWord && (len(known) == 0 || known[len(known)-1] != i) {
				t.byCaption[word] = append(known, i)
			}
		}
	}
	return t, nil
}

// All lists the layouts by name. They are not to be changed.
func (t *Table) All() []*Layout { return t.layouts }

// Of lists the layouts of a country (ISO 3166-1 alpha-3) and type.
func (t *Table) Of(country string, kind ekyc.DocumentType) []*Layout {
	var out []*Layout
	for _, l := range t.layouts {
		if l.Country == country && l.Type == kind {
			out = append(out, l)
		}
	}
	return out
}

// NumberPatterns are the shapes of the document numbers of a country's documents of a type, nil where one of its layouts does not know them.
func (t *Table) NumberPatterns(country string, kind ekyc.DocumentType) []number.Pattern {
	var out []number.Pattern
	for _, l := range t.Of(country, kind) {
		f := l.Fields["document_number"]
		if f == nil || len(f.Patterns) == 0 {
			return nil
		}
		out = append(out, f.Patterns...)
	}
	return out
}
