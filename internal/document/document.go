// Package document reads a photograph or scan of an identity document: it finds the document, makes it upright and flat, reads
// its machine readable zone, bar codes and printed fields, and says what kind of document it is and how well it can be
// seen. It does not judge: the rules are in package check.
package document

import (
	"context"
	"time"

	"ekyc"
	"ekyc/internal/document/forensic"
	"ekyc/internal/document/ocr"
	"ekyc/internal/document/ocr/tesseract"
	"ekyc/internal/vision"
)

// Key names a field of a document, as the API gives it.
type Key string

// The fields.
const (
	KeyDocumentNumber    Key = "document_number"
	KeySurname           Key = "surname"
	KeyGivenNames        Key = "given_names"
	KeyFullName          Key = "full_name"
	KeyDateOfBirth       Key = "date_of_birth"
	KeyDateOfIssue       Key = "date_of_issue"
	KeyDateOfExpiry      Key = "date_of_expiry"
	KeySex               Key = "sex"
	KeyNationality       Key = "nationality"
	KeyIssuingCountry    Key = "issuing_country"
	KeyIssuingAuthority  Key = "issuing_authority"
	KeyPlaceOfBirth      Key = "place_of_birth"
	KeyAddress           Key = "address"
	KeyPersonalNumber    Key = "personal_number"
	KeyLicenceCategories Key = "licence_categories"
	KeyOptionalData      Key = "optional_data"
)

// Keys lists the fields in the order of the contract.
var Keys = []Key{
	KeyDocumentNumber, KeySurname, KeyGivenNames, KeyFullName, KeyDateOfBirth, KeyDateOfIssue, KeyDateOfExpiry, KeySex,
	KeyNationality, KeyIssuingCountry, KeyIssuingAuthority, KeyPlaceOfBirth, KeyAddress, KeyPersonalNumber,
	KeyLicenceCategories, KeyOptionalData,
}

// Source is the part of the document that a field was read from.
type Source string

// The sources.
const (
	FromMRZ     Source = "mrz"
	FromBarcode Source = "barcode"
	FromVisual  Source = "viz"
)

// Region is a place on one side's photograph: corners in native pixels, top left first as the content is read.
type Region struct {
	Side int         `json:"side"` // 0 front, 1 back
	Quad vision.Quad `json:"quad"`
}

// Field is one value as one source gives it. Value is normalised: dates ISO 8601, sex M, F or X, countries as ICAO prints
// them; Raw is what was printed. Confidence, 0 to 1, is that of the weakest character for the MRZ and of the line for print.
type Field struct {
	Value      string  `json:"value"`
	Raw        string  `json:"raw"`
	Source     Source  `json:"source"`
	Confidence float64 `json:"confidence"`
	Region     *Region `json:"region,omitempty"`
	// National is the print in the country's own script, Script that script's code of ISO 15924; empty where the print is Latin alone.
	National string `json:"national,omitempty"`
	Script   string `json:"script,omitempty"`
	// Transliterated is a printed name as a machine readable zone writes it (ICAO Doc 9303-3 section 6); empty for other fields.
	Transliterated string `json:"transliterated,omitempty"`
	// ISO is the ISO 3166-1 alpha-3 code of a country that Value names by ICAO's code; empty where there is none.
	ISO string `json:"iso,omitempty"`
}

// Detected is the kind of document and its issuer. Country is as ICAO prints it ("D", "UTO"), CountryISO the ISO 3166-1 alpha-3
// code where there is one. Both are empty and Type is OtherDocument when nothing told; Confidence is 0 to 1.
type Detected struct {
	Type       ekyc.DocumentType `json:"type"`
	Subtype    string            `json:"subtype,omitempty"` // "visa" for a visa
	Country    string            `json:"country"`
	CountryISO string            `json:"country_iso,omitempty"`
	Confidence float64           `json:"confidence"`
	Evidence   []string          `json:"evidence,omitempty"` // what told: "mrz_code:P", "words:passport", "barcode:aamva"
}

// Portrait is the largest face on the document; a ghost image of it elsewhere is ignored.
type Portrait struct {
	Face   vision.Rect `json:"face"`   // in pixels of Image
	Region Region      `json:"region"` // what Image shows
	Image  *vision.RGB `json:"-"`      // upright, from native pixels: the face with a margin of its size
	onSide vision.Rect // the face in pixels of the side's image
}

// TextLine is one line of print. Quad is in native pixels, Box in pixels of the side's rectified Image.
type TextLine struct {
	Text       string      `json:"text"`
	Confidence float64     `json:"confidence"`
	Quad       vision.Quad `json:"quad"`
	Box        vision.Rect `json:"box"`
	// National is the same print as the script of the country has it, and Script that script's code of ISO 15924; empty where Text is all.
	National string `json:"national,omitempty"`
	Script   string `json:"script,omitempty"`
}

// Side is what was seen of one side.
type Side struct {
	Geometry Geometry    `json:"geometry"`
	Image    *vision.RGB `json:"-"` // rectified and upright, of the card's proportions where these are known
	Text     []TextLine  `json:"text"`
	Quality  Quality     `json:"quality"`

	Shown    Shown              `json:"-"` // by this side alone; of a lone side nothing
	Evidence *forensic.Evidence `json:"-"` // of forgery, before it is weighed
}

// Reading is everything that was read. Fields holds the best value of each field, Readings all of them, Conflicts the fields of
// which two sources give different values.
type Reading struct {
	Detected  Detected         `json:"detected"`
	Fields    map[Key]Field    `json:"fields"`
	Readings  map[Key][]Field  `json:"readings"`
	Conflicts []Key            `json:"conflicts"`
	MRZ       *MRZ             `json:"mrz"`
	Barcodes  []BarcodeReading `json:"barcodes"`
	Portrait  *Portrait        `json:"portrait"`
	Quality   Quality          `json:"quality"`
	Sides     []Side           `json:"sides"`
	Specimen  []string         `json:"specimen_words,omitempty"` // words such as SPECIMEN that are printed on it
	// Traces are the measures of forgery by trace, 0 (none) to 1 (certain); those that could not be taken are absent.
	Traces  map[forensic.Trace]float64 `json:"-"`
	Timings map[string]float64         `json:"timings_ms"` // by stage, both sides together
}

// FaceFinder finds faces in an image: boxes in native pixels, best first, none when there is no face.
type FaceFinder func(ctx context.Context, p *vision.Pyramid) ([]vision.Rect, error)

// Models are the networks that the reader runs. Direction, Orientation and Faces may be nil: what they tell is then not known. Without Accurate
// print stays as it was read first. Without MRZLine the recogniser of print reads the machine readable zone, with no second opinion.
type Models struct {
	Detector    *ocr.Detector
	Recogniser  *ocr.Recogniser
	Accurate    *ocr.Recogniser // reads values again
	Direction   *ocr.Direction
	Orientation *ocr.Orientation
	MRZLine     *vision.Session // mrz_line: [lines, 1, 32, 736] luminances 0–255 to log-probabilities [lines, 184, 38]
	Faces       FaceFinder
	National    *tesseract.Readers // nil: print in other scripts stays as the print recogniser has it
}

// Reader reads documents. It is safe for concurrent use.
type Reader struct {
	models    Models
	countries *countryNames
	captions  captions
	demonyms  demonyms
	letters   map[bool]*ocr.Alphabet // of the accurate recogniser, without and with Chinese and Japanese
}

// New makes a reader over loaded models.
func New(models Models) *Reader {
	letters := map[bool]*ocr.Alphabet{}
	if models.Accurate != nil {
		for _, han := range []bool{false, true} {
			letters[han] = models.Accurate.Alphabet(func(c rune) bool { return !odd(c, han) })
		}
	}
	return &Reader{models, newCountryNames(), newCaptions(), newDemonyms(), letters}
}

// Input is a document to read.
type Input struct {
	Front       *vision.Pyramid
	Back        *vision.Pyramid   // nil: only one side was sent
	TypeHint    ekyc.DocumentType // empty: automatic
	CountryHint string            // ISO or ICAO code; empty: automatic
	At          time.Time         // today, by which two-digit years get their century
	SkipTraces  bool              // nobody asks for traces of forgery
}
