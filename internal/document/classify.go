package document

import (
	"slices"
	"strings"

	"ekyc"
)

// titles are the words by which documents name themselves, reduced to A–Z without spaces, in the languages of issue.
var titles = []struct {
	kind    ekyc.DocumentType
	subtype string
	words   string
}{
	{ekyc.ResidencePermit, "", `RESIDENCEPERMIT TITREDESEJOUR AUFENTHALTSTITEL AUFENTHALTSERLAUBNIS VERBLIJFSTITEL VERBLIJFSVERGUNNING PERMISODERESIDENCIA PERMESSODISOGGIORNO
		TITULODERESIDENCIA PERMANENTRESIDENT RESIDENCECARD CARTEDESEJOUR CARTEDERESIDENT UPPEHALLSTILLSTAND OPHOLDSTILLADELSE OPPHOLDSTILLATELSE OLESKELULUPA KARTAPOBYTU
		POVOLENIKPOBYTU AUSLANDERAUSWEIS BIOMETRICRESIDENCEPERMIT`},
	{ekyc.DriverLicense, "", `DRIVINGLICENCE DRIVINGLICENSE DRIVERLICENSE DRIVERLICENCE DRIVERSLICENSE DRIVERSLICENCE PERMISDECONDUIRE FUHRERSCHEIN FUEHRERSCHEIN FUHRERAUSWEIS PERMISODECONDUCCION
		PERMISODECONDUCIR LICENCIADECONDUCIR LICENCIADECONDUCCION PATENTEDIGUIDA CARTADECONDUCAO RIJBEWIJS PRAWOJAZDY RIDICSKYPRUKAZ VODICSKYPREUKAZ KORKORT KOREKORT FORERKORT AJOKORTTI
		VEZETOIENGEDELY PERMISDECONDUCERE VOZACKADOZVOLA VOZNISKODOVOLJENJE SURUCUBELGESI JUHILUBA VADITAJAAPLIECIBA VAIRUOTOJOPAZYMEJIMAS DRIVINGPERMIT CARTEIRANACIONALDEHABILITACAO CEADUNASTIOMANA LICENCIAPARACONDUCIR`},
	{ekyc.OtherDocument, "visa", `VISA VISUM VISTO VISADO VIZE WIZA VIZUM VISUMET VIISUMI VIZA`},
	{ekyc.Passport, "", `PASSPORT PASSEPORT REISEPASS PASAPORTE PASSAPORTO PASSAPORTE PASPOORT PASZPORT CESTOVNIPAS CESTOVNYPAS PASS PAS PASSI UTLEVEL PASAPORT PUTOVNICA POTNILIST PASE PASAPORTU VEGABREF PASAPORTI PASAPORTUL`},
	{ekyc.IDCard, "", `IDENTITYCARD IDENTITYCARDS IDCARD CARTENATIONALEDIDENTITE CARTEDIDENTITE CARTENATIONALE PERSONALAUSWEIS IDENTITATSKARTE DOCUMENTONACIONALDEIDENTIDAD CEDULADECIUDADANIA CEDULADEIDENTIDAD
		CARTADIDENTITA CARTADIIDENTITA CARTAODECIDADAO BILHETEDEIDENTIDADE IDENTITEITSKAART DOWODOSOBISTY OBCANSKYPRUKAZ OBCIANSKYPREUKAZ IDENTITETSKORT NATIONELLTIDENTITETSKORT HENKILOKORTTI
		SZEMELYIAZONOSITOIGAZOLVANY SZEMELYIGAZOLVANY CARTEDEIDENTITATE OSOBNAISKAZNICA OSEBNAIZKAZNICA KIMLIKKARTI NUFUSCUZDANI TURKIYECUMHURIYETIKIMLIKKARTI ISIKUTUNNISTUS PERSONASAPLIECIBA
		ASMENSTAPATYBESKORTELE NATIONALIDENTITYCARD IDENTIFICATIONCARD LICHNAKARTA LETERNJOFTIMI IDENTITETISKAART RESIDENTIDENTITYCARD PERMANENTRESIDENTIDENTITYCARD CARTEIRADEIDENTIDADE CREDENCIALPARAVOTAR CARTADIIDENTITAIDENTITYCARD CARTADEIDENTIDADE HENKILOTODISTUS CARTAAITHEANTAIS IDENTITYCARDOF`},
}

// foreignTitles are titles in scripts that the print recogniser knows and folding to A–Z leaves nothing of.
var foreignTitles = map[string]ekyc.DocumentType{
	"护照": ekyc.Passport, "護照": ekyc.Passport, "旅券": ekyc.Passport, "ΔΙΑΒΑΤΗΡΙΟ": ekyc.Passport, "身份证": ekyc.IDCard, "身份證": ekyc.IDCard, "ΤΑΥΤΟΤΗΤΑΣ": ekyc.IDCard,
	"在留カード": ekyc.ResidencePermit, "居留证": ekyc.ResidencePermit, "ΔΙΑΜΟΝΗΣ": ekyc.ResidencePermit, "ΟΔΗΓΗΣΗΣ": ekyc.DriverLicense, "運転免許証": ekyc.DriverLicense,
}

// wholeWords are titles so short, or so common in other words, that only a whole line or word counts.
const wholeWordLength = 8

// titleOf finds a title in a line of print.
func titleOf(line string) (kind ekyc.DocumentType, subtype, word string, ok bool) {
	at := len(line)
	for printed, t := range foreignTitles { // the first on the line
		if i := strings.Index(line, printed); i >= 0 && (i < at || i == at && len(printed) > len(word)) {
			at, kind, word = i, t, printed
		}
	}
	if word != "" {
		return kind, "", word, true
	}
	squeezed := foldText(line)
	words := strings.Fields(foldWords(line))
	for _, t := range titles {
		for title := range strings.FieldsSeq(t.words) {
			if squeezed == title || len(title) >= wholeWordLength && strings.Contains(squeezed, title) || len(title) >= 4 && contiguous(words, title) {
				return t.kind, t.subtype, title, true
			}
		}
	}
	return "", "", "", false
}

func contiguous(words []string, title string) bool {
	for _, w := range words {
		if w == title {
			return true
		}
	}
	return false
}

// vote collects what speaks for a kind of document.
type vote struct {
	kind    ekyc.DocumentType
	subtype string
	weight  float64
	reason  string
}

// How much each source tells, 0 to 1. A machine readable zone's code is the standard's own word; a title is a word that may also be a
// caption ("Passport No."); the rest are hints.
const (
	zoneWeight    = 0.95
	barcodeWeight = 0.95
	titleWeight   = 0.85
	captionWeight = 0.45 // a title inside a longer line
	hintWeight    = 0.20 // what the client expects
	licenceWeight = 0.55 // the numbered fields of a licence
)

// kindOfCode is the kind that a zone's document code states (ICAO 9303-5 to -7; the second letters R and T are what residence permits of
// the EU and the Netherlands print, 9303-3 leaves them to issuers).
func kindOfCode(code string) (ekyc.DocumentType, string, bool) {
	switch {
	case code == "":
		return "", "", false
	case code[0] == 'P':
		return ekyc.Passport, "", true
	case code[0] == 'V':
		return ekyc.OtherDocument, "visa", true
	case len(code) == 2 && code[0] == 'D' && (code[1] == 'L' || code[1] == '<'), code == "D", code == "DL", code == "FA", len(code) == 2 && strings.Contains("D1 D2 D3 D4 DN DP", code):
		return ekyc.DriverLicense, "", true
	case strings.ContainsRune("IAC", rune(code[0])):
		if len(code) > 1 && (code[1] == 'R' || code[1] == 'T') {
			return ekyc.ResidencePermit, "", true
		}
		return ekyc.IDCard, "", true
	}
	return "", "", false
}

// decide takes the kind with most votes; its confidence is its weight, less what others have.
func decide(votes []vote) Detected {
	type kind struct {
		t ekyc.DocumentType
		s string
	}
	none := map[kind]float64{} // what is left of doubt, multiplied vote by vote
	d := Detected{Type: ekyc.OtherDocument}
	for _, v := range votes {
		k := kind{v.kind, v.subtype}
		if _, has := none[k]; !has {
			none[k] = 1
		}
		none[k] *= 1 - v.weight
	}
	best, second := 0.0, 0.0
	for _, v := range votes { // in the order of the votes, so that ties are decided alike each time
		k := kind{v.kind, v.subtype}
		switch p := 1 - none[k]; {
		case k.t == d.Type && k.s == d.Subtype && best > 0:
		case p > best:
			best, second = p, best
			d.Type, d.Subtype = k.t, k.s
		default:
			second = max(second, p)
		}
	}
	for _, v := range votes {
		if v.kind == d.Type && v.subtype == d.Subtype {
			d.Evidence = append(d.Evidence, v.reason)
		}
	}
	d.Confidence = best * (1 - second/2)
	return d
}

// untitledWeight: of the cards of which nothing says what they are, most are identity cards.
const untitledWeight = 0.35

// untitled is the vote on a document that nothing names: a card of the size ID-1 with a portrait is taken for an identity card if its issuer is named at its head,
// or captions name the holder and the date of birth. Bank cards and badges lack one of these. issuers are the weights of the names of issuers.
func (r *Reader) untitled(sides []*side, issuers map[string]float64) []vote {
	card := slices.ContainsFunc(sides, func(s *side) bool {
		return s.portrait != nil && s.geometry.Method == ByEdges && s.geometry.Size == ID1
	})
	issued, named, born := false, false, false
	for _, weight := range issuers {
		issued = issued || weight > wholeNameWeight*lowerShare
	}
	for _, s := range sides {
		for _, l := range s.lines {
			c, ok := r.captions.split(unnumbered(l.Text))
			if !ok || l.Confidence < leastLine {
				continue
			}
			named = named || c.key == KeySurname || c.key == KeyFullName || c.key == KeyGivenNames
			born = born || c.key == KeyDateOfBirth
		}
	}
	if !card || !issued && !(named && born) {
		return nil
	}
	return []vote{{ekyc.IDCard, "", untitledWeight, "card_with_portrait"}}
}

// specimenWords mark documents that identify nobody, reduced to A–Z.
var specimenWords = strings.Fields(`SPECIMEN SAMPLE MUSTER MUESTRA MODELLO FACSIMILE WZOR VZOR MALLI ORNEK EXEMPLE CANCELLED VOID`)

// specimenWordsOf gives the words on the sides that mark a specimen, each once. Short ones count as whole words only: AVOID, MUSTERSTADT.
func specimenWordsOf(sides []*side) []string {
	var found []string
	for _, s := range sides {
		for _, l := range s.lines {
			if l.Confidence < leastLine {
				continue
			}
			for printed := range strings.FieldsSeq(foldWords(l.Text)) {
				at := slices.IndexFunc(specimenWords, func(mark string) bool {
					return printed == mark || len(mark) >= wholeWordLength && strings.Contains(printed, mark)
				})
				if at >= 0 && !slices.Contains(found, specimenWords[at]) {
					found = append(found, specimenWords[at])
				}
			}
		}
	}
	return found
}
