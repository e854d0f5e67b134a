package specimen

import (
	"math/rand/v2"
	"slices"
	"strings"

	"ekyc/internal/vision"
)

// nationalCard is a card that follows no standard of ICAO, the EU or AAMVA: what one state's own identity card or licence prints. Rows are
// cells with "|" between them, a cell is "field=caption"; "*=caption=text" states nothing that is looked for.
type nationalCard struct {
	issuer string
	kind   Kind
	title  []string
	place  arrangement
	dates  string
	value  typeface
	colon  bool
	rows   []string
}

// nationalCards are imitated from published pictures and descriptions of the cards, their captions letter by letter.
func nationalCards() []nationalCard {
	return []nationalCard{
		{"CIV", IDCardNational, []string{"REPUBLIQUE DE COTE D'IVOIRE", "CARTE NATIONALE D'IDENTITE"}, captionAbove, "02/01/2006", bold, false, []string{
			"document_number=N° CNI", "surname=Nom", "given_names=Prénom(s)", "date_of_birth=Date de Naissance|sex=Sexe|*=Taille (m)=1,71", "place_of_birth=Lieu de Naissance|nationality=Nationalité", "date_of_expiry=Date d'expiration"}},
		{"CIV", LicenceNational, []string{"REPUBLIQUE DE COTE D'IVOIRE", "PERMIS DE CONDUIRE"}, captionLeft, "02/01/2006", roman, false, []string{
			"surname=1. Nom", "given_names=2. Prénoms", "date_of_birth=3. Date de naissance", "place_of_birth=Lieu de naissance", "date_of_issue=4a. Date de délivrance", "date_of_expiry=4b. Date d'expiration", "issuing_authority=4c. Délivré par", "document_number=5. Numéro du permis", "licence_categories=9. Catégories"}},
		{"SEN", IDCardNational, []string{"REPUBLIQUE DU SENEGAL", "CARTE D'IDENTITE CEDEAO"}, captionAbove, "02/01/2006", roman, false, []string{
			"document_number=N° de la carte d'identité", "given_names=Prénoms", "surname=Nom", "date_of_birth=Date de naissance|sex=Sexe|*=Taille=178 cm", "place_of_birth=Lieu de naissance", "date_of_issue=Date de délivrance|date_of_expiry=Date d'expiration", "address=Adresse du domicile"}},
		{"CMR", IDCardNational, []string{"REPUBLIQUE DU CAMEROUN REPUBLIC OF CAMEROON", "CARTE NATIONALE D'IDENTITE NATIONAL IDENTITY CARD"}, captionAbove, "02.01.2006", bold, false, []string{
			"surname=NOM/SURNAME", "given_names=PRENOMS/GIVEN NAMES", "date_of_birth=DATE DE NAISSANCE/DATE OF BIRTH", "place_of_birth=LIEU DE NAISSANCE/PLACE OF BIRTH", "sex=SEXE/SEX|*=TAILLE/HEIGHT=1,68", "*=PROFESSION/OCCUPATION=ENSEIGNANT"}},
		{"FRA", IDCardNational, []string{"RÉPUBLIQUE FRANÇAISE", "CARTE NATIONALE D'IDENTITÉ"}, captionInline, "02.01.2006", monospaced, true, []string{
			"document_number=N°|nationality=Nationalité", "surname=Nom", "given_names=Prénom(s)", "sex=Sexe|date_of_birth=Né(e) le", "place_of_birth=à", "*=Taille=1,70m"}},
		{"NGA", IDCardNational, []string{"FEDERAL REPUBLIC OF NIGERIA", "NATIONAL IDENTITY CARD"}, captionAbove, "02 Jan 2006", roman, false, []string{
			"surname=SURNAME/NOM", "given_names=GIVEN NAMES/PRENOMS", "date_of_birth=DATE OF BIRTH|sex=SEX/SEXE", "nationality=NATIONALITY", "date_of_issue=ISSUE DATE|date_of_expiry=EXPIRY DATE", "personal_number=NATIONAL IDENTIFICATION NUMBER"}},
		{"NGA", LicenceNational, []string{"FEDERAL REPUBLIC OF NIGERIA", "NATIONAL DRIVERS LICENCE"}, captionInline, "02-01-2006", bold, false, []string{
			"document_number=L/NO|licence_categories=CLASS", "full_name=NAME", "address=ADDRESS", "date_of_birth=D of B|sex=SEX", "date_of_issue=ISS|date_of_expiry=EXP"}},
		{"GHA", IDCardNational, []string{"REPUBLIC OF GHANA", "ECOWAS IDENTITY CARD"}, captionAbove, "02/01/2006", condensed, false, []string{
			"surname=Surname/Nom", "given_names=Firstnames/Prénoms", "nationality=Nationality/Nationalité|sex=Sex/Sexe", "date_of_birth=Date of Birth/Date de Naissance|*=Height/Taille (m)=1.75", "personal_number=Personal ID Number/Numéro d'identification personnel", "document_number=Document Number/Numéro du document", "date_of_issue=Date of Issuance/Date d'émission|date_of_expiry=Date of Expiry/Date d'expiration"}},
		{"ZAF", IDCardNational, []string{"REPUBLIC OF SOUTH AFRICA", "NATIONAL IDENTITY CARD"}, captionAbove, "02 Jan 2006", bold, true, []string{
			"surname=Surname", "given_names=Names", "sex=Sex|nationality=Nationality", "personal_number=Identity Number", "date_of_birth=Date of Birth", "*=Country of Birth=RSA|*=Status=CITIZEN"}},
		{"ZAF", LicenceNational, []string{"REPUBLIC OF SOUTH AFRICA", "DRIVING LICENCE CARTA DE CONDUÇÃO"}, captionLeft, "02/01/2006", condensed, false, []string{
			"full_name=Name", "*=ID No=0203045678901", "date_of_birth=Birth", "sex=Sex", "document_number=Licence Number", "licence_categories=Code", "date_of_issue=Issued", "*=Restrictions=0"}},
		{"KEN", IDCardNational, []string{"JAMHURI YA KENYA", "REPUBLIC OF KENYA", "NATIONAL IDENTITY CARD"}, captionAbove, "02.01.2006", bold, true, []string{
			"document_number=SERIAL NUMBER|personal_number=ID NUMBER", "full_name=FULL NAMES", "date_of_birth=DATE OF BIRTH", "sex=SEX", "place_of_birth=DISTRICT OF BIRTH", "issuing_authority=PLACE OF ISSUE", "date_of_issue=DATE OF ISSUE"}},
		{"KEN", LicenceNational, []string{"REPUBLIC OF KENYA", "DRIVING LICENCE"}, captionAbove, "02.01.2006", roman, false, []string{
			"surname=Surname", "given_names=Other Names", "*=National ID No=12345678|document_number=Licence No", "date_of_birth=Date Of Birth|sex=Sex|*=Blood Group=O+", "date_of_issue=Date of Issue|date_of_expiry=Date of Expiry"}},
		{"IND", IDCardNational, []string{"GOVERNMENT OF INDIA", "IDENTITY CARD"}, captionInline, "02/01/2006", roman, true, []string{
			"full_name=Name", "*=Father's Name=RAMESH KUMAR", "date_of_birth=Date of Birth", "sex=Sex", "address=Address", "document_number=ID No"}},
		{"IND", LicenceNational, []string{"UNION OF INDIA", "MAHARASHTRA STATE MOTOR DRIVING LICENCE"}, captionInline, "02-01-2006", bold, true, []string{
			"document_number=DL No", "date_of_issue=DOI|date_of_expiry=Valid Till", "date_of_birth=DOB|*=BG=B+", "full_name=Name", "*=S/D/W of=RAMESH KUMAR", "address=Add"}},
		{"BRA", IDCardNational, []string{"REPÚBLICA FEDERATIVA DO BRASIL", "CARTEIRA DE IDENTIDADE"}, captionAbove, "02/01/2006", bold, false, []string{
			"document_number=REGISTRO GERAL|date_of_issue=DATA DE EXPEDIÇÃO", "full_name=NOME", "*=FILIAÇÃO=MARIA DAS DORES RIBEIRO", "place_of_birth=NATURALIDADE|date_of_birth=DATA DE NASCIMENTO", "personal_number=CPF"}},
		{"BRA", LicenceNational, []string{"REPÚBLICA FEDERATIVA DO BRASIL", "CARTEIRA NACIONAL DE HABILITAÇÃO"}, captionAbove, "02/01/2006", roman, false, []string{
			"full_name=NOME", "*=DOC. IDENTIDADE / ÓRG. EMISSOR / UF=1234567 SSP MG", "personal_number=CPF|date_of_birth=DATA NASCIMENTO", "*=FILIAÇÃO=MARIA DAS DORES RIBEIRO", "document_number=Nº REGISTRO|date_of_expiry=VALIDADE", "licence_categories=CAT. HAB.|date_of_issue=DATA EMISSÃO", "issuing_authority=LOCAL"}},
		{"MEX", IDCardNational, []string{"MÉXICO", "INSTITUTO NACIONAL ELECTORAL", "CREDENCIAL PARA VOTAR"}, captionAbove, "02/01/2006", condensed, false, []string{
			"full_name=NOMBRE", "address=DOMICILIO", "document_number=CLAVE DE ELECTOR", "personal_number=CURP|*=AÑO DE REGISTRO=2012 01", "date_of_birth=FECHA DE NACIMIENTO|sex=SEXO"}},
		{"COL", IDCardNational, []string{"REPÚBLICA DE COLOMBIA", "IDENTIFICACIÓN PERSONAL", "CÉDULA DE CIUDADANÍA"}, captionBelow, "02-Jan-2006 s", bold, false, []string{
			"document_number=NÚMERO", "surname=APELLIDOS", "given_names=NOMBRES", "date_of_birth=FECHA DE NACIMIENTO|sex=SEXO", "place_of_birth=LUGAR DE NACIMIENTO|*=ESTATURA=1.68"}},
		{"CHN", IDCardNational, []string{"中华人民共和国", "居民身份证"}, captionLeft, "2006年1月2日", medium, false, []string{
			"full_name=姓名", "sex=性别", "date_of_birth=出生", "*=住址=江苏人民路", "personal_number=公民身份号码"}},
		{"HKG", IDCardNational, []string{"香港永久性居民身份證", "HONG KONG PERMANENT IDENTITY CARD"}, captionAbove, "02-01-2006", roman, false, []string{
			"full_name=姓名 Name", "date_of_birth=出生日期 Date of Birth|sex=性別 Sex", "date_of_issue=簽發日期 Date of Issue", "document_number=身份證號碼 HKIC No."}},
		{"ESP", IDCardNational, []string{"ESPAÑA", "DOCUMENTO NACIONAL DE IDENTIDAD"}, captionAbove, "02 01 2006", roman, false, []string{
			"surname=APELLIDOS", "given_names=NOMBRE", "sex=SEXO|nationality=NACIONALIDAD|date_of_birth=FECHA DE NACIMIENTO", "document_number=NÚM SOPORT|date_of_expiry=VALIDEZ", "personal_number=DNI NÚM."}},
		{"ITA", IDCardNational, []string{"REPUBBLICA ITALIANA MINISTERO DELL'INTERNO", "CARTA DI IDENTITÀ / IDENTITY CARD"}, captionAbove, "02.01.2006", roman, false, []string{
			"document_number=NUMERO / NUMBER|issuing_authority=COMUNE DI / MUNICIPALITY", "surname=COGNOME / SURNAME", "given_names=NOME / NAME", "place_of_birth=LUOGO DI NASCITA / PLACE OF BIRTH|date_of_birth=DATA DI NASCITA / DATE OF BIRTH", "sex=SESSO / SEX|*=STATURA / HEIGHT=172|nationality=CITTADINANZA / NATIONALITY", "date_of_issue=EMISSIONE / ISSUING|date_of_expiry=SCADENZA / EXPIRY"}},
	}
}

// nationalCardOf chooses a card of the kind.
func nationalCardOf(r *rand.Rand, code string, kind Kind) nationalCard {
	list := slices.DeleteFunc(nationalCards(), func(c nationalCard) bool { return c.issuer != code || c.kind != kind })
	return list[r.IntN(len(list))]
}

// nationalFront is the side that a national card's rows are printed on.
func (d *Document) nationalFront(r *rand.Rand) *side {
	card := nationalCardOf(r, d.from.code, d.Kind)
	g := newDesign(r, d.from)
	g.place, g.dates, g.value, g.colon, g.numbered, g.twoLines = card.place, card.dates, card.value, card.colon, 0, false
	s := &side{size: id1, corner: 3.18, colours: d.from.colours, band: true}
	for i, line := range card.title {
		s.label(line, 5, 4.2+3.2*float64(i), style{face: bold, size: 2.7, ink: solid(s.colours.title)})
	}
	top := 8 + 3.2*float64(len(card.title)-1)
	s.portrait = vision.Rect{X0: 4.5, Y0: top + 2, X1: 24.5, Y1: top + 28}
	s.specimenMark(14.5, top+33, 0.7)
	values := d.values(g)
	rows := card.rows
	pitch := (51 - top) / float64(len(rows))
	for i, row := range rows {
		cells := strings.Split(row, "|")
		width := 54 / float64(len(cells))
		for j, c := range cells {
			d.nationalCell(s, g, c, values, vision.Rect{X0: 29 + width*float64(j), Y0: top + pitch*float64(i), X1: 29 + width*float64(j+1), Y1: 0}, min(1, pitch/g.fullPitch()))
		}
	}
	return s
}

// nationalCell prints one cell at the place's upper left corner.
func (d *Document) nationalCell(s *side, g *design, text string, values map[string]stated, place vision.Rect, k float64) {
	key, rest, _ := strings.Cut(text, "=")
	caption, other, _ := strings.Cut(rest, "=")
	v := values[key]
	if key == "*" {
		v = stated{text: other}
	}
	if d.from.code == "CHN" {
		v = d.chinese(key, v)
	}
	saved := *g
	g.from = &issuer{code: saved.from.code, language: english, beside: []int{}, own: map[string]string{key: caption}}
	g.capitals = false
	g.print(s, key, v, place.X0, place.Y0, place.Width()-1.5, k)
	*g = saved
}

// chinese is a value as China's identity card prints it.
func (d *Document) chinese(key string, v stated) stated {
	switch key {
	case "full_name":
		v.text = d.Holder.nationalSurname + d.Holder.nationalGiven
	case "sex":
		v.text = map[string]string{"M": "男", "F": "女"}[d.Holder.Sex]
	}
	return v
}
