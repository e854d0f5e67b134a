// Package layout is the table of national documents: what each prints, where, and in which form. One YAML file a document, read
// strictly when the table is first asked for. It says which document a print belongs to (Recognise), which captions a line holds (Segments), and
// what is read of which document and how that was tested (Covered). It knows no pictures: package document applies it.
package layout

import (
	"ekyc"
	"ekyc/internal/document/number"
)

// Place says where the value of a field stands.
type Place string

// The places. Everywhere a value may also follow its caption on the same line.
const (
	Near     Place = ""         // below the caption or to its right, whichever is nearer
	Below    Place = "below"    // below the caption
	Right    Place = "right"    // to the right of the caption
	Above    Place = "above"    // above the caption
	Anywhere Place = "anywhere" // without a caption: any line of the field's pattern, within Box where that is given
)

// DateOrder is the order of day and month in dates of numbers.
type DateOrder string

// The orders; year_first dates are unmistakable, so all three say no more than how day and month follow each other.
const (
	DayFirst   DateOrder = "day_first"
	MonthFirst DateOrder = "month_first"
	YearFirst  DateOrder = "year_first"
)

// Field is one field of a document.
type Field struct {
	// Captions are the words before or above the value, as printed, one entry a language.
	Captions []string `yaml:"captions" json:"captions,omitempty"`
	// Then are the captions of a second part that is added to the value: a second surname.
	Then  []string `yaml:"then" json:"then,omitempty"`
	Value Place    `yaml:"value" json:"value,omitempty"`
	// Box is where the value stands when no caption was read: left, top, right, bottom as shares of the rectified document.
	Box []float64 `yaml:"box" json:"box,omitempty"`
	// Patterns are the shapes of the number; a value of another shape is not taken for it.
	Patterns []number.Pattern `yaml:"patterns" json:"patterns,omitempty"`
	// Rule names the number's check digit.
	Rule number.Rule `yaml:"rule" json:"rule,omitempty"`
	// Lines is how many lines the value has at most; 0 is one.
	Lines int `yaml:"lines" json:"lines,omitempty"`
	// Place says that the place of birth follows the date on the same line.
	Place bool `yaml:"place" json:"place,omitempty"`
}

// Layout is one document of one issuer.
type Layout struct {
	ID      string            `yaml:"-" json:"id"`                      // the file's name without its ending
	Country string            `yaml:"country" json:"country,omitempty"` // ISO 3166-1 alpha-3
	Type    ekyc.DocumentType `yaml:"type" json:"type,omitempty"`
	Name    string            `yaml:"name" json:"name,omitempty"`   // as the issuer calls it
	Since   int               `yaml:"since" json:"since,omitempty"` // first and last year of issue, 0 where not known
	Until   int               `yaml:"until" json:"until,omitempty"`
	Years   []int             `yaml:"years" json:"years,omitempty"` // how long it is valid
	Size    string            `yaml:"size" json:"size,omitempty"`   // id1, id2, id3
	// Languages of the print (BCP 47).
	Languages []string `yaml:"languages" json:"languages,omitempty"`
	Authority string   `yaml:"authority" json:"authority,omitempty"`
	// Titles are the words by which the document names itself, Issuers those that name its issuer, Marks other words that no other document
	// of the table prints.
	Titles  []string `yaml:"titles" json:"titles,omitempty"`
	Issuers []string `yaml:"issuers" json:"issuers,omitempty"`
	Marks   []string `yaml:"marks" json:"marks,omitempty"`
	// MRZ is the format of the machine readable zone, or none.
	MRZ string `yaml:"mrz" json:"mrz,omitempty"`
	// Barcodes are what other codes it has: pdf417, qr, code128, aztec, datamatrix; AAMVA where the content is by that standard.
	Barcodes []string  `yaml:"barcodes" json:"barcodes,omitempty"`
	Dates    DateOrder `yaml:"dates" json:"dates,omitempty"`
	// Numbered documents number their fields after ISO/IEC 18013-1 and Directive 2006/126/EC.
	Numbered bool `yaml:"numbered" json:"numbered,omitempty"`
	// Sexes gives printed words for the sex their letter.
	Sexes  map[string]string `yaml:"sexes" json:"sexes,omitempty"`
	Fields map[string]*Field `yaml:"fields" json:"fields,omitempty"`
	// Absent are fields that the document does not have, though its print may look like it.
	Absent []string `yaml:"absent" json:"absent,omitempty"`
	// Words are captions of what is not a field of the contract.
	Words []string `yaml:"words" json:"words,omitempty"`

	titles, issuers, marks []anchor
	captions               []caption         // longest first
	sexes                  map[string]string // by the reduced word
	index                  int
}

// Keys are the fields that a layout can have: those of the contract.
var Keys = []string{
	"document_number", "surname", "given_names", "full_name", "date_of_birth", "date_of_issue", "date_of_expiry", "sex", "nationality",
	"issuing_country", "issuing_authority", "place_of_birth", "address", "personal_number", "licence_categories", "optional_data",
}

// Continued marks the key of a second part of a value, as Segment.Key has it.
const Continued = "+"

// SexOf gives the letter for a printed word.
func (l *Layout) SexOf(text string) (string, bool) {
	letter, ok := l.sexes[Fold(text)]
	return letter, ok
}

// Has says whether the document has a field.
func (l *Layout) Has(key string) bool { return l.Fields[key] != nil }
