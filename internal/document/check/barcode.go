package check

import (
	"slices"

	"ekyc"
)

// barcodeRules examine the bar code itself; what it says is compared with print in comparisonRules.
func barcodeRules() []rule {
	return []rule{
		{"barcode_present", ekyc.SeverityMajor, barcodePresent},
		{"barcode_structure", ekyc.SeverityMajor, barcodeStructure},
	}
}

// barcodeRead says that a bar code's error correction vouches for fields, and that its content is one that issuers write.
func (s *subject) barcodeRead() bool {
	if s.in.Barcode == nil || !s.in.Barcode.Read || len(s.in.Barcode.Faults) > 0 {
		return false
	}
	for _, list := range s.in.Fields {
		if slices.ContainsFunc(list, func(f Field) bool { return f.Source == SourceBarcode }) {
			return true
		}
	}
	return false
}

func barcodePresent(s *subject) outcome {
	b := s.in.Barcode
	required := s.needs.barcode == needRequired
	switch {
	case b != nil && b.Read:
		return passed("a bar code was read").with("symbology", b.Symbology).with("standard", b.Standard)
	case b != nil && b.Seen && s.needs.barcode != needNone:
		return missing("a bar code is on the document and could not be read")
	case b != nil && b.Seen:
		return warned("a bar code is on the document and could not be read; this class of documents needs none").retakable()
	case required:
		return missing("the back of this class of documents carries a bar code, and none was found")
	case s.needs.barcode == needOptional:
		return notExecuted("the side that carries the bar code was not given")
	}
	return notApplicable("this class of documents needs no bar code")
}

func barcodeStructure(s *subject) outcome {
	b := s.in.Barcode
	switch {
	case b == nil || !b.Read:
		return notApplicable("no bar code was read")
	case b.Standard == "" && s.needs.barcode == needRequired:
		return failed("the bar code follows no standard of this class of documents").with("symbology", b.Symbology)
	case b.Standard == "":
		return notApplicable("the bar code follows no standard that is examined").with("symbology", b.Symbology)
	case len(b.Faults) > 0:
		return failed("the content of the bar code departs from %s in %s, as no issuer's does", b.Standard, counted(len(b.Faults), "place")).with("faults", b.Faults)
	case len(b.Departures) > 0:
		return warned("the content of the bar code departs from %s in %s, as issuers' cards do", b.Standard, counted(len(b.Departures), "place")).
			with("departures", b.Departures)
	}
	return passed("the content of the bar code follows %s", b.Standard)
}
