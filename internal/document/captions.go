package document

import (
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"ekyc/internal/document/layout"
)

// captionWords are the captions of the fields as documents print them, reduced to A–Z: those of ICAO 9303-4 to -7 in the languages of
// issue, and those of AAMVA DL/ID 2020 annex D. A caption that one language uses for another field than the rest stands in its language's field.
var captionWords = map[Key]string{
	KeySurname: `SLOINNE CSALADNEV APELLIDOSSURNAMES SOBRENOME SOBRENOMES FAMILIENNAMEN EPONYMO NUMELE FAMILIJA FAMILIYA PRIZVYSHCHE LASTNAMES SURNAMENOM FAMILYNAMES NUMM EFTERNAMNEFTERNAVN
		SURNAME SURNAMES FAMILYNAME LASTNAME PRIMARYIDENTIFIER IDENTIFIANTPRIMAIRE IDENTIFICADORPRIMARIO LN ILN NOM NOMS NOMDEFAMILLE NACHNAME FAMILIENNAME APELLIDO APELLIDOS PRIMERAPELLIDO
		COGNOME APELIDO APELIDOS ACHTERNAAM FAMILIENAAM NAAM NAZWISKO PRIJMENI PRIEZVISKO EFTERNAMN ETTERNAVN EFTERNAVN SUKUNIMI SOYADI VEZETEKNEV
		NUMEDEFAMILIE NUME PREZIME PRIIMEK PEREKONNANIMI UZVARDS PAVARDE MBIEMRI CALADINEV CSALADINEV EFTERNAVNETTERNAVN`,
	KeyGivenNames: `REAMHAINM REAMHAINMNEACHA REAMHAINMNEACHAFORENAMES FORNAVNE UTONEVEI IMYA IMENA ONOMA PRENUMELE FIRSTANDMIDDLENAMES MIDDLENAME FIRSTNAMESPRENOMS PRENOMENT GIVENNAMEPRENOM OTHERNAME PRENUM
		GIVENNAMES GIVENNAME FIRSTNAME FIRSTNAMES FORENAME FORENAMES SECONDARYIDENTIFIER IDENTIFIANTSECONDAIRE IDENTIFICADORSECUNDARIO OTHERNAMES FN PRENOM PRENOMS VORNAME VORNAMEN NOMBRE NOMBRES
		NOME NOMI NOMESPROPRIOS NOMEPROPRIO VOORNAAM VOORNAMEN IMIE IMIONA IMIEIMIONA JMENO JMENA MENO FORNAMN FORNAVN ETUNIMET ADI UTONEV PRENUME IME EESNIMED
		EESNIMI VARDS VARDI VARDAS VARDAI EMRI MELLEMNAVN`,
	KeyFullName: `FULLNAMES NOMBREYAPELLIDO ELECTORSNAME CARDHOLDER NAMEENGLISH
		NAME FULLNAME NAMES NOMCOMPLET NOMETPRENOMS NOMPRENOMS NOMBRECOMPLETO NOMBREYAPELLIDOS ADISOYADI NAMEOFHOLDER HOLDERSNAME`,
	KeyDateOfBirth: `DATABREITHE DATAURODZ DATUMROENJA DATUMNAR DATUMNAROZENIA DOGUMTARIH DOFB BIRTH SZULETESIDATUM SZULDATUM HMEROMHNIAGENNHSHS DATENASCITA NEELEDATE DATEOFBIRTHDATEDENAISSANCE DATADENASC DATANASC FODSELSDAG FDATUM DATANASTEREII DATANASTERE DDN DOBDDN NELELE DATEN DATOFBIRTH
		DATEOFBIRTH BIRTHDATE DOB DATEBIRTH BORN DATEDENAISSANCE NEELE NELE GEBURTSDATUM GEBURTSTAG GEBOREN FECHADENACIMIENTO FECHANACIMIENTO FECNAC
		NACIMIENTO DATADINASCITA DATADENASCIMENTO DATANASCIMENTO NATOIL GEBOORTEDATUM DATAURODZENIA DATUMNAROZENI DATUMNARODENIA FODELSEDATUM FODSELSDATO
		FODSELSDATO FOEDSELSDATO SYNTYMAAIKA DOGUMTARIHI SZULETESIIDO DATANASTERII DATUMRODENJA DATUMROJSTVA SUNNIAEG SUNNIAEG DZIMSANASDATUMS GIMIMODATA DATELINDJA`,
	KeyDateOfIssue: `DATAEISIUNA UTFARDATDEN UTFARDAT MYONNETTY DATUMIZDAVANJA VERILISTARIH KIALLITASIDATUM DATEOFISSUANCE DATEOFISSUEDATEDEDELIVRANCE ISSUING EMISSIONE DOI DATADEEXPEDICAO DATAEXPEDICAO DATAEMISSAOEXPEDICAO DATEDETABLISSEMENT UTSTEDT UDSTEDTDEN AUSGABEDATUM FECHADEEXPED DEL ISSDEL DATEDELIV DATEELIBERARII KIALLITVA FIRSTISSUE
		DATEOFISSUE ISSUEDATE DATEISSUED ISSUEDON ISSUED ISS ISSDATE DATEDEDELIVRANCE DATEDELIVRANCE DELIVREELE DELIVRELE DATEDEMISSION AUSSTELLUNGSDATUM
		AUSGESTELLTAM AUSSTELLUNGSTAG DATUM FECHADEEXPEDICION FECHAEXPEDICION FECHADEEMISION EMISION EXPEDICION DATADIRILASCIO DATARILASCIO RILASCIATOIL DATADEEMISSAO DATAEMISSAO
		DATUMVANAFGIFTE DATUMAFGIFTE AFGEGEVENOP DATAWYDANIA DATUMVYDANI DATUMVYDANIA UTFARDANDEDATUM UTSTEDELSESDATO UDSTEDELSESDATO MYONTAMISPAIVA VERILISTARIHI
		VERILISTARIHI KIALLITASDATUMA DATAELIBERARII VALIDFROM`,
	KeyDateOfExpiry: `ASFEIDHM UDLOBSDATO SISTAGILTIGHETSDAG GYLDIGTTIL VOIMASSA VIIMVOIMASSAOLOPAIVA GECERLILIKTARIHI SONGECERLILIKTAR ERVENYES ERVENYESSEGIIDO ERVENYESSEGILEJARTA VALIDOATE VALIDTILL VALIDTIL PLATNOST PLATNYDO VRIJEDIDODATUM DATADEEXPIRARE EXPIRAREA VALABLEJUSQUALE VIGENCIA VENCE FECHADEVENC GULTIGBISZUM ABLAUF VALIDTHROUGH EXPIRYDATEDATEDEXPIRATION UTLOPSDATO UTGANGSDATO DATEOFEXPIRYDATEDEXPIRATION EXPIRA VALABILITATE VALABIL
		DATEOFEXPIRY DATEOFEXPIRATION EXPIRYDATE EXPIRATIONDATE EXPDATE EXPIRES EXPIRESON EXPIRY EXP VALIDUNTIL VALIDTO VALIDTHRU DATEDEXPIRATION DATEEXPIRATION EXPIRELE
		VALABLEJUSQUAU DATEDEVALIDITE VALIDITE GULTIGBIS GUELTIGBIS ABLAUFDATUM FECHADECADUCIDAD FECHACADUCIDAD FECHADEVENCIMIENTO VENCIMIENTO VALIDEZ VALIDOHASTA CADUCIDAD
		DATADISCADENZA SCADENZA SCADENZADATA DATADEVALIDADE VALIDADE GELDIGTOT GELDIGTOTEN DATAWAZNOSCI TERMINWAZNOSCI PLATNOSTDO DATUMPLATNOSTI GILTIGTILLOCHMED GYLDIGTIL
		VIIMEINENVOIMASSAOLOPAIVA SONGECERLILIK SONGECERLILIKTARIHI LEJARATIIDO VALABILPANALA DATAEXPIRARII VRIJEDIDO KEHTIVKUNI GALIOJAIKI DATUMISTEKA`,
	KeySex: `GNEAS PTEC SUKUPUOLIKON FYLO STAT POL SEXSEXE PHLO CINSIYETIGENDER CINS KONSEX
		SEX SEXE GESCHLECHT SEXO SESSO GENDER GESLACHT PLEC POHLAVI POHLAVIE KON KJONN KOEN SUKUPUOLI CINSIYET CINSIYETI NEM SPOL SUGU DZIMUMS LYTIS GJINIA`,
	KeyNationality: `NAISIUNTACHT DRZAVLJANSTVOCITIZENSHIP CETATENIENATIONALITATE CETATENIENATIONALITY MEDBORGARSKAPNATIONALITET OBCANSTVI ITHAGENEIA UYRUGUNATIONALITY GRAZHDANSTVO HROMADIANSTVO STAATSANGEHOERIGKEIT NATIONALITAT
		NATIONALITY NATIONALITE STAATSANGEHORIGKEIT STAATSBURGERSCHAFT NACIONALIDAD CITTADINANZA NACIONALIDADE NATIONALITEIT OBYWATELSTWO STATNIOBCANSTVI STATNEOBCIANSTVO MEDBORGARSKAP
		NATIONALITET STATSBORGERSKAP KANSALAISUUS UYRUGU UYRUK ALLAMPOLGARSAG CETATENIA CETATENIE DRZAVLJANSTVO KODAKONDSUS PILSONIBA PILIETYBE CITIZENSHIP CITIZENOF SHTETESIA`,
	KeyPlaceOfBirth: `AITBHREITHE FODELSEORTFODESTED SYNTYMAKOTIKUNTA MJESTOROENJA LOCNASTERE LOCULNASTEREII MIEJSCEURODZ MISTONAR DOGUMYER DISTRICTOFBIRTH COUNTRYOFBIRTHPLACE LUGARDENAC REGISTEREDDOMICILE PLACEBIRTH NATURALITE LUOGONASCITA LOCALNASCIMENTO BORNAT BIRTHPLACELIEUDENAISSANCE LIEUNAISSANCE
		PLACEOFBIRTH BIRTHPLACE LIEUDENAISSANCE GEBURTSORT LUGARDENACIMIENTO LUGARNACIMIENTO LUOGODINASCITA LOCALDENASCIMENTO NATURALIDADE GEBOORTEPLAATS MIEJSCEURODZENIA MISTONAROZENI
		MIESTONARODENIA FODELSEORT FODESTED FODSELSSTED SYNTYMAPAIKKA DOGUMYERI SZULETESIHELY LOCULNASTERII MJESTORODENJA KRAJROJSTVA SUNNIKOHT DZIMSANASVIETA GIMIMOVIETA VENDLINDJA`,
	KeyIssuingAuthority: `UDARAS VYDAL IZDALA IZDALAPU VYDANO AUSTELLENDEBEHORDE AUTORITATEAEMITENTA EMISDE KIALLITO ISSUINGOFFICE OFFICEOFISSUE PLACEOFISSUANCE NADLEZNOTIJELO IZDAJE IZDAL MYNDIGHETVIRANOMAINEN LUGARDEEXPEDICION LOCALDEEMISSAO LOCAL ISSUINGAUTHORITYAUTORITE VERENMAKAMAUTHORITY ORGANAUTHORITY DELIVREPARISSUEDBY ORGAOEMISSOR AUTHORITYAUTORITE MUNICIPALITY COMUNEDIMUNICIPALITY
		AUTHORITY ISSUINGAUTHORITY ISSUEDBY AUTORITE AUTORITEDEDELIVRANCE DELIVREPAR BEHORDE AUSSTELLENDEBEHORDE AUTORIDAD AUTORIDADEXPEDIDORA AUTORITA AUTORIDADE AUTORIDADEEMISSORA
		INSTANTIE AUTORITEIT ORGANWYDAJACY ORGAN URAD MYNDIGHET MYNDIGHED VIRANOMAINEN VERENMAKAM KIALLITOHATOSAG AUTORITATEA TIJELO VALJAANDJA PLACEOFISSUE LIEUDEDELIVRANCE`,
	KeyDocumentNumber: `UIMHPHAS UIMHIRPHAS PASNR PASSINNUMERO UTLEVELSZAM CISLOPASUPASSPORTNO CISLODOKLADU CISLOPRUKAZU BROJPUTOVNICE BROJISPRAVE BROJOSOBNEISKAZNICE PASAPORTNO NRPASAPORT NUMARPASAPORT NRDOCUMENT OKMANYSZAM OKMANYAZONOSITO OKMANYAZONOSITOSZAM ASIAKIRJANNUMERO DOKUMENTNR DOKUMENTNO NUMERDOKUMENTU DOKUMENTNUMMER NDOCUMENTO NUMDOCUMENTO NODOCUMENTO NUMERODOPASSAPORTE PASSAPORTENO PASSAPORTEN SERIALNUMBER SERIALNO NCNI NOCNI NDELACARTEDIDENTITE NODELACARTEDIDENTITE CLAVEDEELECTOR REGISTROGERAL NREGISTRO NOREGISTRO NUMERODUPERMIS NUMERODEPERMIS PERMISN PERMISNO LNO LICENCENUMBERNUMERO DRIVINGLICENCENO DRIVINGLICENSENO NUMBERNUMERO HKICNO HKIDNO NUMERO NOMER IDENTITYDOCUMENTNO DOCUMENTNODOCUMENTNUMBER PASAPORTENUMERO NRLEGITYMACJI PASEPORTN NODEDOCUMENT NRDOWODU NUMSOP SERIENO NDUPASSEPORTPASSPORTNO NPASAPORTE DOKUMENTETSNUMMER CARDNUMBERNUMERODECARTE
		DOCUMENTNUMBER DOCUMENTNO DOCNO DOCUMENTNR DOCNR NUMEROOFDOCUMENT PASSPORTNO PASSPORTNUMBER PASSPORTNR NODUPASSEPORT NUPASSEPORT NDUPASSEPORT NDEPASSEPORT NPASSEPORT
		NODEPASSEPORT NUMERODEPASSEPORT NUMERODUPASSEPORT PASSEPORTNO PASSEPORTN REISEPASSNR PASSNR PASSNUMMER AUSWEISNUMMER AUSWEISNR KARTENNUMMER PASAPORTENO PASAPORTEN NUMERODEPASAPORTE
		NDEPASAPORTE NODEPASAPORTE PASSAPORTON PASSAPORTO NUMERODOCUMENTO NUMERODODOCUMENTO DOCUMENTON PASPOORTNUMMER DOCUMENTNUMMER NUMERPASZPORTU NRPASZPORTU CISLOPASU PASSNRPASSPORTNO
		CARDNO CARDNUMBER IDCARDNO IDCARDNUMBER IDENTITYCARDNO IDENTITYCARDNUMBER CARTENO NODELACARTE NDELACARTE LICENCENO LICENCENUMBER LICENSENO LICENSENUMBER DRIVERLICENSENO DRIVERLICENSENUMBER DRIVERSLICENSENO
		DLNO DLN DL LICNO LIC NUMSOPORT NUMSOPORTE NSOPORT NODUDOCUMENT NDUDOCUMENT NUMERODUDOCUMENT SERINO BELGENO VISANO VISANUMBER NUMEROVISA PERMITNO PERMITNUMBER IDNO NUMERODEDOCUMENTO`,
	KeyPersonalNumber: `NATIONALIDENTIFICATIONNUMBER PERSONALIDNUMBER PERSONALIDENTIFICATIONNUMBER NIN TCKIMLIK TCKIMLIKNUMARASI PERSONENNUMMER PERSOONSNUMMER NUMPERSONAL NUMEROPERSONAL NUMEROPERSONALE NUMERPESEL SZEMELYIAZONOSITO SZEMELYIAZONOSITOSZAM SZEMELYISZAM NATIONALREGISTERNUMMER NUMERODIDENTIFICATIONPERSONNEL NPESSOAL NOPESSOAL NUMEROPESSOAL UIMHIRPHEARSANTA EGN PERSONALCODENUMBER RODNECISLOPERSONALNO CIVILID CIVILIDNO IDNUMBERNUMERO PERMANENTACCOUNTNUMBER RCNUM RIJKSREGISTERNUMMER DNINUMERO KENNITALA RECORD
		PERSONALNO PERSONALNUMBER NPERSONNEL NOPERSONNEL NUMEROPERSONNEL PERSONALIDNO PERSONALCODE IDENTITYNUMBER IDENTITYNO IDENTIFICATIONNUMBER IDNUMBER NATIONALID NATIONALIDNO NATIONALIDENTITYNUMBER
		NATIONALNUMBER NUMERONATIONAL DNI DNINUM NIF NIE NUIP PESEL RODNECISLO PERSONNUMMER FODSELSNUMMER HENKILOTUNNUS TCKIMLIKNO KIMLIKNO CNP OIB EMSO ISIKUKOOD PERSONASKODS ASMENSKODAS BSN CODICEFISCALE CURP CPF
		PERSONNR RECORDNO NNI`,
	KeyAddress: `SEOLADH OSOITE PREBIVALISTE LAKOHELY IKAMETGAH YERLESIMYERI TRVALEBYDLISKO ADRESSEDUDOMICILE ADRESSEDOMICILE POSTALADRESSE DOMICILIUL ADDRESSADRESSE PERMANENTADDRESS RESIDENTIALADDRESS BOSTADSADRESS ADD ENDRESE ADRESO BOPAEL
		ADDRESS ADRESSE DOMICILE DOMICILIO ANSCHRIFT INDIRIZZO RESIDENZA MORADA ADRES ADRESA BYDLISTE TRVALYPOBYT LAKCIM DIRECCION ENDERECO RESIDENCE WOHNORT POSTALADDRESS`,
	KeyLicenceCategories: `CATHAB CLASSCATEG CLASSCLASSE CATEGORIESDEVEHICULES VEHICLECLASSES COV CATEGORIASHAB
		CATEGORIES CATEGORIESOFVEHICLES CATEGORIE CATEGORY VEHICLECATEGORIES CLASS CLASSES KLASSE KLASSEN CATEGORIA CATEGORIAS CLASE LICENCECLASS LICENSECLASS VEHICLECLASS`,
	KeyIssuingCountry: `COD KOODI CODIGO KODSTATU CODULTARII CODULTARIICOUNTRYCODE ULKEKODU ORSZAGKOD LANDEKODE LANDSKOD LANDCODEKODPANSTWA CODICE KODDRZAVE CODIGODOESTADO CODIGODELESTADO CODEVANDESTAAT CODICESTATOCODE CODIGOESTADO
		CODEDESSTAATES STAATSCODE CODICEPAESE CODICESTATO LANDCODE KODKRAJU KODPANSTWA CODIGODOPAIS COUNTRYCODE CODEOFISSUINGSTATE CODEDUPAYS ISSUINGSTATE STATECODE COUNTRYOFISSUE ISSUINGCOUNTRY CODEDELETAT CODEPAYS CODIGODELPAIS CODIGOPAIS PAYSEMETTEUR PAYSCODE`,
	// What names no field that is extracted but must not be taken for a value.
	keyOther: `TYPE TYP TIPO TYPE CODE HEIGHT TAILLE GROSSE ALTURA ESTATURA HGT WGT WEIGHT HAIR EYES COLOUROFEYES COULEURDESYEUX AUGENFARBE SIGNATURE SIGNATUREDUTITULAIRE HOLDERSSIGNATURE SIGNATUREOFHOLDER SIGNATUREOFBEARER
		UNTERSCHRIFT UNTERSCHRIFTDERINHABERIN FIRMA FIRMADELTITULAR FIRMADELTITOLARE HANDTEKENING PODPIS UNDERSKRIFT REMARKS OBSERVATIONS BEMERKUNGEN RESTRICTIONS END ENDORSEMENTS REST DONOR DD REV PASSPORT PASSEPORT
		PASAPORTE REISEPASS PASSAPORTO BLOODGROUP GROUPESANGUIN PROFESSION OCCUPATION RELIGION MARITALSTATUS FATHER FATHERSNAME MOTHER MOTHERSNAME HIJODE HIJOADE SPOUSE CAN EQUIPO TYPEOFVISA NUMBEROFENTRIES NOMBREDENTREES NUMERODEENTRADAS ANZAHLDEREINREISEN LICZBAWJAZDOW DURATIONOFSTAY
		VALIDFOR TYPEOFPERMIT LANGUAGE HEIMATORT LIEUDORIGINE LUOGODATTINENZA PLACEOFORIGIN SIGNATURA SINIU NIMIKIRJOITUS ALAIRAS POTPIS IMZA SEMNATURA ASSINATURA ASSINATURADOTITULAR FILIACAO FILIACION RESTRICTIONSCODES STATUS TAILLEM TAILLEHEIGHT HEIGHTTAILLE HEIGHTTAILLEM HGTHAUT ESTATURAM STATURA STATURAHEIGHT CINEAL TYYPPI TURU TIPUS TYPETYPE OBSERVACOES DOCIDENTIDADE DOCIDENTIDADEORGEMISSORUF ANODEREGISTRO COUNTRYOFBIRTH SDWOF FATHERORHUSBAND BG GSRH TYPEOFTITLE KATEGORIAPOBYTU TYPODEPERMISO DRUHPOVOLENI VRSTADOZVOLE IZINTURU CATEGORIEDUTITRE ARTDESTITELS TIPODIPERMESSO SOORTTITEL RODZAJZEZWOLENIA TIPODETITULO TYPAVTILLSTAND VALIDFROMTO NUMERODIINGRESSI AANTALBINNENKOMSTEN ANTALINRESOR ENTRIES BIRTHNAME GEBURTSNAME NOMDUSAGE MAIDENNAME`,
}

const keyOther Key = ""

// hanCaptions are captions in Chinese and Japanese print, of which folding to A–Z leaves nothing.
var hanCaptions = map[Key]string{
	KeySurname: "姓", KeyGivenNames: "名", KeyFullName: "姓名 氏名", KeySex: "性别 性別", KeyDateOfBirth: "出生 出生日期 生年月日", KeyPlaceOfBirth: "出生地点 出生地點 本籍 出生地",
	KeyNationality: "国籍 國籍", KeyDateOfIssue: "签发日期 簽發日期 発行年月日 交付", KeyDateOfExpiry: "有效期至 有效日期至 有效期限 有効期間満了日", KeyIssuingAuthority: "签发机关 簽發機關 発行官庁 签发地点",
	KeyPersonalNumber: "公民身份号码 身份号码 個人番号", KeyDocumentNumber: "护照号 护照号码 護照號碼 旅券番号 证件号码 證件號碼 身份證號碼 番号", KeyAddress: "住址 地址 住所", KeyIssuingCountry: "国家码 國家編碼 発行国",
	keyOther: "民族 类型 類型 型 所持人自署 持证人签名 持證人簽署",
}

// hanCaption finds a caption in Han letters that is all the Han print of a text, and gives what follows it.
func hanCaption(text string) (key Key, after string, ok bool) {
	start, end := -1, len(text)
	for i, r := range text {
		switch {
		case scriptOf(r) != "" && start < 0:
			start = i
		case scriptOf(r) == "" && start >= 0 && end == len(text):
			end = i
		case scriptOf(r) != "" && start >= 0 && end < len(text):
			return "", "", false
		}
	}
	if start < 0 || strings.TrimSpace(text[:start]) != "" {
		return "", "", false
	}
	word := []rune(text[start:end])
	best := 0.0
	for k, words := range hanCaptions {
		for w := range strings.FieldsSeq(words) {
			if share := sameHan([]rune(w), word); share > best {
				key, best = k, share
			}
		}
	}
	return key, text[end:], best > 0
}

// sameHan is the share of letters in which captions of Han letters agree, 0 where they are not the same; long ones may have misread
// letters, or one form for the other of a letter.
func sameHan(a, b []rune) float64 {
	const long, least = 4, 0.7
	if len(a) != len(b) {
		return 0
	}
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	share := float64(same) / float64(len(a))
	if share < 1 && (len(a) < long || share < least) {
		return 0
	}
	return share
}

// caption is one caption word.
type caption struct {
	key      Key
	text     string
	letters  uint64 // the set of its letters and digits
	squeezed string // with M for RN, which look the same in small print
}

// lettersOf is the set of letters and digits of a reduced text, one bit each.
func lettersOf(text string) uint64 {
	set := uint64(0)
	for i := range len(text) {
		if c := text[i]; c >= 'A' {
			set |= 1 << (c - 'A')
		} else {
			set |= 1 << (32 + c - '0')
		}
	}
	return set
}

// captions is the table of caption words, longest first, so that the more telling wins.
type captions []caption

func newCaptions() captions {
	var all captions
	for key, words := range captionWords {
		for word := range strings.FieldsSeq(words) {
			all = append(all, caption{key, word, lettersOf(word), squeeze(word)})
		}
	}
	slices.SortFunc(all, func(a, b caption) int {
		if len(a.text) != len(b.text) {
			return len(b.text) - len(a.text)
		}
		return strings.Compare(a.text+string(a.key), b.text+string(b.key))
	})
	return all
}

func squeeze(letters string) string { return strings.ReplaceAll(letters, "RN", "M") }

// between gives the captions whose length lies within bounds.
func (c captions) between(shortest, longest int) captions {
	from, _ := slices.BinarySearchFunc(c, longest, func(w caption, n int) int { return n - len(w.text) })
	to, _ := slices.BinarySearchFunc(c, shortest-1, func(w caption, n int) int { return n - len(w.text) })
	return c[from:max(from, to)]
}

// exact finds a whole reduced text among the captions, allowing for misread letters.
func (c captions) exact(text string) (Key, bool) {
	if text == "" {
		return "", false
	}
	squeezed := squeeze(text)
	for _, w := range c.between(len(squeezed), len(text)+2) {
		if w.text == text || len(text) >= 5 && w.squeezed == squeezed {
			return w.key, true
		}
	}
	limit := layout.ErrorsAllowed(len(text))
	if limit == 0 {
		return "", false
	}
	best, key, found := limit+1, Key(""), false
	letters, printed := lettersOf(text), []byte(text)
	for _, w := range c.between(max(6, len(text)-limit), len(text)+limit) {
		if bits.OnesCount64(letters^w.letters) > 2*limit { // a wrong letter changes the set by two at most
			continue
		}
		if d := layout.Distance(printed, []byte(w.text), limit); d < best {
			best, key, found = d, w.key, true
		}
	}
	return key, found
}

// leadingWords takes a caption of several words that may hold a misread letter.
func (c captions) leadingWords(text string) (key Key, after string, ok bool) {
	const most, leastLetters = 6, 10
	ends := []int{}
	for i, r := range text {
		if r == ' ' && i > 0 {
			ends = append(ends, i)
		}
	}
	for _, end := range slices.Backward(ends[:min(len(ends), most)]) {
		head := foldText(text[:end])
		if len(head) < leastLetters {
			break
		}
		if strings.ContainsAny(head, "0123456789") {
			continue
		}
		if key, ok = c.exact(head); ok && key != keyOther {
			return key, text[end:], true
		}
	}
	return "", "", false
}

// captioned is a line of text seen as captions followed by a value; value is empty when the line is captions alone.
type captioned struct {
	key   Key
	value string
}

// separators stand between the languages of a caption, or between a caption and its value.
const separators = "/|:;·•.,-–_()[]# "

// split takes the captions at the start of a line. "Date of birth / Date de naissance: 12 AUG 1974" gives date_of_birth and the date.
func (c captions) split(line string) (captioned, bool) {
	line = ending.ReplaceAllString(line, "$1")
	if m := shortCaption.FindStringSubmatch(line); m != nil {
		if m[1] != "" {
			return captioned{KeyDocumentNumber, m[1]}, true
		}
		return captioned{KeyPlaceOfBirth, m[2]}, true
	}
	rest := strings.TrimLeft(line, separators)
	out, found := captioned{}, false
	if key, after, ok := hanCaption(rest); ok {
		out.key, found, rest = key, true, strings.TrimLeft(after, separators)
	}
	for rest != "" {
		key, after, ok := c.leading(rest)
		if !ok {
			break
		}
		switch {
		case !found, out.key == keyOther, out.key == KeyFullName && key == KeySurname: // "Name / Surname"
			out.key = key
		case key != out.key: // two captions on one line, such as "Sex" beside "Place of birth": no value of the first
			return captioned{key: out.key}, true
		}
		found, rest = true, strings.TrimLeft(after, separators)
	}
	if !found {
		if out, ok := c.splitForeign(line); ok {
			return out, true
		}
		if out, ok := c.splitMarked(line); ok {
			return out, true
		}
		return c.splitEnglish(line)
	}
	out.value = strings.TrimSpace(captionNumber.ReplaceAllString(rest, ""))
	return out, true
}

// shortCaption is a number headed by its sign alone, and a place headed "à:", as older French cards have them.
var shortCaption = regexp.MustCompile(`^(?:N[°º]\s?[:.]?\s*([A-Z]{0,3}\d[A-Z0-9 ./\-]{3,})|[àÀ]\s?:\s*(\p{L}.+))$`)

// ending is what a caption adds for other numbers or sexes: "Prénom(s)", "Né(e) le", "Réamhainm(neacha)".
var ending = regexp.MustCompile(`(\p{L})\(\p{Ll}{1,8}\)`)

// captionNumber is the number that data pages print behind a caption: "Surname / Nom (1)".
var captionNumber = regexp.MustCompile(`^\s*\(?\d{1,2}\)[:.]?\s*`)

// splitForeign takes a line whose first language is not in the table but a later one is: "Numm/Nom/Surname".
func (c captions) splitForeign(line string) (captioned, bool) {
	parts := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("/|•·", r) })
	if len(parts) < 2 {
		return captioned{}, false
	}
	for i, part := range parts[1:] {
		part = strings.TrimLeft(part, separators)
		if key, after, ok := c.leading(part); ok && (key == KeySex || len(foldText(part))-len(foldText(after)) >= leastForeign) {
			if i+2 < len(parts) {
				after = ""
			}
			return captioned{key, strings.Trim(captionNumber.ReplaceAllString(after, ""), separators)}, true
		}
	}
	return captioned{}, false
}

// markedCaption is a line whose caption ends with a colon or the number of the field.
var markedCaption = regexp.MustCompile(`^([^:(]{8,}?)\s*(?:\(\d{1,2}\)\s*:?|:)\s*(.*)$`)

// leastMarked is the length of a caption that is believed at the end of such words, as where the stroke before it was taken for a letter.
const leastMarked = 8

// splitMarked takes a line that marks where its caption ends, and the caption by its last words.
func (c captions) splitMarked(line string) (captioned, bool) {
	m := markedCaption.FindStringSubmatch(line)
	if m == nil {
		return captioned{}, false
	}
	head := foldText(m[1])
	for _, w := range c { // longest first
		if len(w.text) >= leastMarked && strings.HasSuffix(head, w.text) {
			return captioned{w.key, m[2]}, true
		}
	}
	return captioned{}, false
}

// englishEnd are captions of ICAO in English, of two words or of one that no value ends with.
var englishEnd = regexp.MustCompile(`(?i)^[^\d]*\p{L}{3}[^\d]*\b(surname|given names?|forenames?|date of birth|date of issue|date of expiry|place of birth|issuing authority)$`)

// splitEnglish takes a line that ends with a caption in English: the stroke after the language before it was not read, and its words were misread or are
// in no table.
func (c captions) splitEnglish(line string) (captioned, bool) {
	m := englishEnd.FindStringSubmatch(strings.TrimRight(line, separators))
	if m == nil {
		return captioned{}, false
	}
	key, ok := c.exact(foldText(m[1]))
	return captioned{key: key}, ok
}

// leastForeign is the length of a caption that marks a line though the line does not start with it.
const leastForeign = 4

// leading takes one caption from the start of a text: the part up to the next separator of languages if that whole part is a caption,
// else the longest caption that ends at the end of a word.
func (c captions) leading(text string) (key Key, after string, ok bool) {
	if i := strings.IndexAny(text, "/|:("); i > 0 {
		if key, ok = c.exact(foldText(text[:i])); ok {
			return key, text[i:], true
		}
	}
	if key, ok = c.exact(foldText(text)); ok {
		return key, "", true
	}
	if key, after, ok = c.leadingWords(text); ok {
		return key, after, true
	}
	f := fold(text)
	runes := []rune(text)
	for _, w := range c {
		if w.key == keyOther || !strings.HasPrefix(f.text, w.text) { // "Passport Office" is a value
			continue
		}
		end := len(w.text)
		if end == len(f.text) {
			return w.key, "", true
		}
		next := f.at[end]
		wordEnds := f.at[end] > f.at[end-1]+1 || !unicode.IsLetter(runes[next]) && len(w.text) >= 3
		if wordEnds {
			return w.key, string(runes[next:]), true
		}
	}
	return "", "", false
}
