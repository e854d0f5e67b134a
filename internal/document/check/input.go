package check

import (
	"time"

	"ekyc"
)

// Key names a field of a document, by the contract's names.
type Key string

// The field names of the contract.
const (
	DocumentNumber    Key = "document_number"
	Surname           Key = "surname"
	GivenNames        Key = "given_names"
	FullName          Key = "full_name"
	DateOfBirth       Key = "date_of_birth"
	DateOfIssue       Key = "date_of_issue"
	DateOfExpiry      Key = "date_of_expiry"
	Sex               Key = "sex"
	Nationality       Key = "nationality"
	IssuingCountry    Key = "issuing_country"
	IssuingAuthority  Key = "issuing_authority"
	PlaceOfBirth      Key = "place_of_birth"
	Address           Key = "address"
	PersonalNumber    Key = "personal_number"
	LicenceCategories Key = "licence_categories"
	OptionalData      Key = "optional_data"
)

// Keys lists all field names in the contract's order.
func Keys() []Key {
	return []Key{
		DocumentNumber, Surname, GivenNames, FullName, DateOfBirth, DateOfIssue, DateOfExpiry, Sex, Nationality,
		IssuingCountry, IssuingAuthority, PlaceOfBirth, Address, PersonalNumber, LicenceCategories, OptionalData,
	}
}

// Source is where on the document a value was read.
type Source string

// The sources.
const (
	SourceMRZ     Source = "mrz"
	SourceBarcode Source = "barcode"
	SourceVIZ     Source = "viz" // the visual inspection zone: what is printed for people
)

// The sides of a document, as Field, MRZ, Barcode and Portrait name them.
const (
	SideFront = 1
	SideBack  = 2
)

// Field is one reading of one field.
type Field struct {
	Value      string // normalised: ISO dates, ISO or ICAO country codes, M, F or X
	Raw        string // as printed
	Source     Source
	Confidence float64 // 0 to 1; 1 for a value that was given and not read from an image
	Side       int     // SideFront, SideBack or 0 where not known
}

// MRZ is the state of the machine readable zone. A nil *MRZ in the input says that nobody looked for one.
type MRZ struct {
	Lines []string // as read, also when they fit no format; empty when there are none

	// Seen says that lines of a zone are on the document, even when they could not be read.
	Seen bool
	// Given says that the lines came as text from the caller; then there is no reading to doubt.
	Given bool
	// Weak says that the reader itself does not vouch for its reading of a character under a check digit.
	Weak bool
	// Confidence is that of the weakest covered character, 0 to 1. It is not looked at when Given.
	Confidence float64
	// Agreement is the verdict of the second reader.
	Agreement Agreement
	Side      int
}

// Agreement says what a second, independent reader made of the machine readable zone.
type Agreement string

// The verdicts of the second reader.
const (
	NotAsked Agreement = "not_asked"
	Agrees   Agreement = "agree"
	Differs  Agreement = "differ"
	// Outweighed: it reads something else, and the first reader is sure enough of what it read to stand against it.
	Outweighed Agreement = "outweighed"
)

// Barcode is the state of the document's bar code. A nil *Barcode says that nobody looked for one.
type Barcode struct {
	Seen      bool   // a bar code is on the document
	Read      bool   // its bytes were decoded; error correction vouches for them
	Symbology string // "pdf417", "qr", "aztec", …
	Standard  string // "AAMVA" or "" where the content follows no known standard
	// Faults are departures of the content from its standard that no issuer makes, Departures those that issuers' cards have; both without values, as
	// the parser names them.
	Faults, Departures []string
	Side               int
}

// Portrait is what the search for the holder's portrait gave. A nil *Portrait says that nobody searched.
type Portrait struct {
	Found bool
	// Placed says that the face's place is known; X, Y, Width and Height are then shares (0 to 1) of the rectified document's
	// width and height, from its top left corner.
	Placed              bool
	X, Y, Width, Height float64
	Side                int
}

// Quality is how well the images show the document. Each measure is 0 to 1.
type Quality struct {
	Sharpness  float64
	Glare      float64 // share of burnt-out area, 0 is good
	Brightness float64
	Resolution float64
	Coverage   float64 // share of the frame that the document fills
	Cropped    bool    // an edge of the document lies outside of the frame
	Codes      []string
}

// Side is what was made out of one image of the document.
type Side struct {
	Types   []ekyc.DocumentType // that it can be of; none where the image alone does not tell
	Country string              // "" where the image alone does not tell
}

// Alteration names a trace of digital or physical editing, or of a copy in place of the document.
type Alteration string

// The traces that can be measured. Each measure is 0 (no trace) to 1 (certain).
const (
	AlterationPortrait    Alteration = "portrait"    // the portrait was replaced
	AlterationText        Alteration = "text"        // font, baseline or spacing break inside a field
	AlterationCloned      Alteration = "cloned_area" // an area appears twice
	AlterationCompression Alteration = "compression" // an area was compressed unlike the rest
	AlterationNoise       Alteration = "noise"       // an area has another sensor noise than the rest
	CopyMonochrome        Alteration = "monochrome"  // a picture in grey: a scan, or a photograph of a copy
	RecaptureScreen       Alteration = "screen"      // photographed from a screen
	RecapturePrint        Alteration = "print"       // photographed from a print-out
)

// Policy is what the asking party demands beyond the document being in order. Its zero value demands nothing.
type Policy struct {
	ExpiryGraceDays   int
	MinAge            int
	AcceptedTypes     []ekyc.DocumentType // empty: all
	AcceptedCountries []string            // ISO 3166-1 alpha-3 or ICAO codes; empty: all
	MandatoryFields   []Key               // beyond those that the document's class has

	// SpecimensAllowed lets specimens pass with a warning: documents of ICAO's Utopia and those that say SPECIMEN. For
	// demonstrations and tests; in earnest a specimen proves nobody's identity.
	SpecimensAllowed bool
}

// Input is everything that was read from one document. What is absent was not examined.
type Input struct {
	Type    ekyc.DocumentType // "" where not determined
	Subtype string            // "visa" for a visa
	Country string            // issuer as read, ICAO or ISO code; "" where not determined

	Fields  map[Key][]Field // all readings from all sources, conflicts included
	MRZ     *MRZ
	Barcode *Barcode

	Images        bool // images were examined, so that their quality and the portrait can be judged
	Front, Back   *Side
	Portrait      *Portrait
	Quality       *Quality
	Alterations   map[Alteration]float64
	Text          []string // all lines of print, to find a name that was not taken for one; may be left out
	SpecimenWords []string // words such as SPECIMEN found in print, apart from the holder's names

	Claimed map[Key]string // what the person says of himself; empty where nothing was claimed
	At      time.Time      // the time of the verification
	Policy  Policy
}
