package specimen

import (
	"slices"

	"ekyc/internal/document/mrz"
)

// The zones of driving licences (package mrz tells their formats). They stand on the back here; France prints its line on the front.
const (
	licenceZoneFoot = 4.6 // from the last line to the lower edge, as on cards of TD1
	zoneClearance   = 4.0 // that is kept free above the first line
)

// licenceZone composes the machine readable zone of a driving licence of a state that has one; others have none.
func (d *Document) licenceZone() error {
	r := chance(d.spec.Seed, "licence zone")
	zone, format := mrz.Document{Code: "D1", Issuer: d.Issuer, Number: mrzNumber(d.Number)}, mrz.ISODL
	switch d.Issuer {
	case "FRA":
		format, zone.Surname, zone.ExpiryDate = mrz.FRADL, d.Holder.Surname, iso(d.Expires)
	case "NLD":
		format, zone.Optional1, zone.Optional2 = mrz.NLDDL, "1", pattern(r, "9########A999")
	case "HRV", "IRL", "EST":
		zone.Number, zone.Optional1 = "", mrzNumber(d.Number)+pattern(r, "A9A99A99")
	case "CHE":
		format = mrz.CHEDL
		zone.Code, zone.Surname, zone.GivenNames, zone.BirthDate = "FA", d.Holder.Surname, d.Holder.GivenNames, iso(d.Holder.Born)
		zone.Optional1 = pattern(r, "AAA999") + pick(r, []string{"D", "F", "I", "R"})
	default:
		return nil
	}
	lines, err := mrz.Compose(zone, format)
	if err != nil {
		return err
	}
	d.MRZ, d.MRZFormat = lines, string(format)
	return nil
}

// zoneStates says whether the zone has a field; the lines of licences lack most, and France cuts the surname to eight characters.
func (d *Document) zoneStates(key string) bool {
	states := map[string][]string{
		string(mrz.FRADL): {"document_number", "date_of_expiry", "issuing_country"}, string(mrz.NLDDL): {"document_number", "issuing_country"},
		string(mrz.ISODL): {"issuing_country"}, string(mrz.CHEDL): {"document_number", "surname", "given_names", "date_of_birth", "issuing_country"},
	}
	keys, licence := states[d.MRZFormat]
	return !licence || slices.Contains(keys, key)
}

// placeLicenceZone prints the zone at the foot of the back, and takes away what would lie under it.
func (d *Document) placeLicenceZone() {
	if d.Kind != LicenceEU || len(d.MRZ) == 0 {
		return
	}
	s := d.sides[len(d.sides)-1]
	last := s.size.height - licenceZoneFoot
	s.zone, s.zoneX = d.MRZ, (s.size.width-zonePitch*float64(len(d.MRZ[len(d.MRZ)-1])))/2
	for i := range d.MRZ {
		s.zoneY = append(s.zoneY, last-cardSpacing*float64(len(d.MRZ)-1-i))
	}
	top := s.zoneY[0] - zoneClearance
	s.texts = slices.DeleteFunc(s.texts, func(p printed) bool { return p.y > top })
	s.specimenMark(72, min(top, 38), 0.75)
}
