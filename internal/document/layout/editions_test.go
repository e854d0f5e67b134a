package layout

import (
	"testing"

	"ekyc"
)

// TestTheTableLeavesOpenWhichCardsHaveAZone: where one edition has none, or none is known of.
func TestTheTableLeavesOpenWhichCardsHaveAZone(t *testing.T) {
	t.Parallel()
	for country, want := range map[string]bool{
		"CIV": true, "BEN": true, "BFA": true, "TGO": true, "NGA": true, "NER": true, "MLI": true, // some of West Africa
		"SEN": false, "GHA": false, "GIN": false, "DEU": false, "FRA": false, "COL": true, "GMB": false,
	} {
		if got := Default().LeavesZoneOpen(country, ekyc.IDCard); got != want {
			t.Errorf("%s: %v, want %v", country, got, want)
		}
	}
	if !Default().LeavesZoneOpen("JPN", ekyc.ResidencePermit) || Default().LeavesZoneOpen("DEU", ekyc.ResidencePermit) {
		t.Error("residence permits: want Japan's open and Germany's not")
	}
}

// TestCaptionsShowWhetherACardExpires on Colombia's two cards.
func TestCaptionsShowWhetherACardExpires(t *testing.T) {
	t.Parallel()
	older := []string{"REPÚBLICA DE COLOMBIA", "CÉDULA DE CIUDADANÍA", "NÚMERO 52.345.678", "SAMPLE", "APELLIDOS", "ANNA", "NOMBRES", "FECHA DE NACIMIENTO 15-ENE-1976", "ESTATURA", "SEXO"}
	newer := []string{"REPÚBLICA DE COLOMBIA", "CÉDULA DE CIUDADANÍA", "NUIP 52.345.678", "Apellidos", "SAMPLE", "Nombres", "ANNA", "Nacionalidad", "COL", "Fecha de nacimiento", "15 ENE 1976"}
	for name, c := range map[string]struct {
		lines []string
		want  bool
	}{
		"the older": {older, false}, "the newer, whose date is covered": {newer, true}, "its caption alone": {[]string{"Fecha de expiración"}, true},
		"the caption misread": {[]string{"Fecha de expiracíon 15 ENE 2031"}, true}, "one word of the newer": {append([]string{"Nacionalidad"}, older...), false}, "nothing": {nil, false},
	} {
		if got := Default().ShowsExpiry("COL", ekyc.IDCard, c.lines); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if Default().ShowsExpiry("HKG", ekyc.IDCard, newer) {
		t.Error("no card of Hong Kong prints the date")
	}
}
