package specimen

// issuer is a state (or Utopia) whose formats are imitated: what it prints, its colours, and invented people from there.
type issuer struct {
	code     string // in the machine readable zone
	name     string // as the state writes it
	english  string
	citizen  string // the nationality as printed
	language int    // of captions
	colours  palette
	number   map[Kind]string // shape of document numbers, see pattern; "" where the kind is not issued
	personal string          // shape of personal numbers, "" for none
	postcode string
	offices  []string
	towns    []string
	streets  []string
	surnames []string
	women    []string
	men      []string
	states   []string // subdivisions that issue driving licences by AAMVA
	euMember bool
	// latin writes each name of another script in Latin letters: documents print both; names without an entry stand as they are.
	latin map[string]string
	// beside are the languages of captions after the issuer's own, english where nil; own replaces words of the tables.
	beside []int
	own    map[string]string
	// dates are the ways to print dates that documents of the issuer use, see dateStyle.
	dates []string
	// mixed is for issuers that print names in small letters after the first.
	mixed bool
}

// palette is what a document's ground is printed in.
type palette struct{ paper, line, second, title uint32 }

// Languages of captions.
const (
	english = iota
	german
	french
	spanish
	italian
	dutch
	polish
	portuguese
	swedish
	languages
)

// captionOf names a field in each language, in the order of the constants.
var captionOf = map[string][languages]string{
	"document_number":     {"Document No.", "Dokument Nr.", "N° du document", "Núm. documento", "Numero documento", "Documentnummer", "Numer dokumentu", "N.º documento", "Dokumentnummer"},
	"passport_number":     {"Passport No.", "Pass Nr.", "Passeport n°", "Pasaporte n.º", "Passaporto n.", "Paspoortnummer", "Nr paszportu", "Passaporte n.º", "Passnr"},
	"surname":             {"Surname", "Name", "Nom", "Apellidos", "Cognome", "Naam", "Nazwisko", "Apelidos", "Efternamn"},
	"given_names":         {"Given names", "Vornamen", "Prénoms", "Nombre", "Nome", "Voornamen", "Imiona", "Nomes próprios", "Förnamn"},
	"nationality":         {"Nationality", "Staatsangehörigkeit", "Nationalité", "Nacionalidad", "Cittadinanza", "Nationaliteit", "Obywatelstwo", "Nacionalidade", "Nationalitet"},
	"date_of_birth":       {"Date of birth", "Geburtsdatum", "Date de naissance", "Fecha de nacimiento", "Data di nascita", "Geboortedatum", "Data urodzenia", "Data de nascimento", "Födelsedatum"},
	"sex":                 {"Sex", "Geschlecht", "Sexe", "Sexo", "Sesso", "Geslacht", "Płeć", "Sexo", "Kön"},
	"place_of_birth":      {"Place of birth", "Geburtsort", "Lieu de naissance", "Lugar de nacimiento", "Luogo di nascita", "Geboorteplaats", "Miejsce urodzenia", "Local de nascimento", "Födelseort"},
	"date_of_issue":       {"Date of issue", "Ausstellungsdatum", "Date de délivrance", "Fecha de expedición", "Data di rilascio", "Datum van afgifte", "Data wydania", "Data de emissão", "Utfärdat den"},
	"date_of_expiry":      {"Date of expiry", "Gültig bis", "Date d'expiration", "Fecha de caducidad", "Data di scadenza", "Geldig tot", "Data ważności", "Data de validade", "Sista giltighetsdag"},
	"issuing_authority":   {"Authority", "Behörde", "Autorité", "Autoridad", "Autorità", "Autoriteit", "Organ wydający", "Autoridade", "Myndighet"},
	"personal_number":     {"Personal No.", "Personennummer", "N° personnel", "Núm. personal", "Numero personale", "Persoonsnummer", "Numer PESEL", "N.º pessoal", "Personnummer"},
	"address":             {"Address", "Anschrift", "Adresse", "Domicilio", "Residenza", "Adres", "Adres", "Morada", "Adress"},
	"signature":           {"Holder's signature", "Unterschrift", "Signature du titulaire", "Firma del titular", "Firma del titolare", "Handtekening", "Podpis posiadacza", "Assinatura", "Innehavarens namnteckning"},
	"height":              {"Height", "Größe", "Taille", "Estatura", "Statura", "Lengte", "Wzrost", "Altura", "Längd"},
	"valid_from":          {"Valid from", "Gültig ab", "Valable du", "Válido desde", "Valido dal", "Geldig van", "Ważna od", "Válido de", "Gäller från"},
	"type_of_permit":      {"Type of permit", "Art des Titels", "Catégorie du titre", "Tipo de permiso", "Tipo di permesso", "Soort titel", "Rodzaj zezwolenia", "Tipo de título", "Typ av tillstånd"},
	"remarks":             {"Remarks", "Anmerkungen", "Remarques", "Observaciones", "Annotazioni", "Opmerkingen", "Uwagi", "Observações", "Anmärkningar"},
	"number_of_entries":   {"Number of entries", "Anzahl der Einreisen", "Nombre d'entrées", "Número de entradas", "Numero di ingressi", "Aantal binnenkomsten", "Liczba wjazdów", "Número de entradas", "Antal inresor"},
	"code":                {"Code of issuing State", "Code des Staates", "Code de l'État", "Código del Estado", "Codice Stato", "Code van de staat", "Kod państwa", "Código do Estado", "Landskod"},
	"type":                {"Type", "Typ", "Type", "Tipo", "Tipo", "Type", "Typ", "Tipo", "Typ"},
	"passport":            {"PASSPORT", "REISEPASS", "PASSEPORT", "PASAPORTE", "PASSAPORTO", "PASPOORT", "PASZPORT", "PASSAPORTE", "PASS"},
	"identity_card":       {"IDENTITY CARD", "PERSONALAUSWEIS", "CARTE NATIONALE D'IDENTITÉ", "DOCUMENTO NACIONAL DE IDENTIDAD", "CARTA DI IDENTITÀ", "IDENTITEITSKAART", "DOWÓD OSOBISTY", "CARTÃO DE CIDADÃO", "IDENTITETSKORT"},
	"residence_permit":    {"RESIDENCE PERMIT", "AUFENTHALTSTITEL", "TITRE DE SÉJOUR", "PERMISO DE RESIDENCIA", "PERMESSO DI SOGGIORNO", "VERBLIJFSTITEL", "ZEZWOLENIE NA POBYT", "TÍTULO DE RESIDÊNCIA", "UPPEHÅLLSTILLSTÅND"},
	"visa":                {"VISA", "VISUM", "VISA", "VISADO", "VISTO", "VISUM", "WIZA", "VISTO", "VISERING"},
	"driving_licence":     {"DRIVING LICENCE", "FÜHRERSCHEIN", "PERMIS DE CONDUIRE", "PERMISO DE CONDUCCIÓN", "PATENTE DI GUIDA", "RIJBEWIJS", "PRAWO JAZDY", "CARTA DE CONDUÇÃO", "KÖRKORT"},
	"unlimited_residence": {"SETTLEMENT PERMIT", "NIEDERLASSUNGSERLAUBNIS", "CARTE DE RÉSIDENT", "RESIDENCIA DE LARGA DURACIÓN", "SOGGIORNO ILLIMITATO", "REGULIER ONBEPAALDE TIJD", "POBYT STAŁY", "RESIDÊNCIA PERMANENTE", "PERMANENT UPPEHÅLLSTILLSTÅND"},
}

// issuers are the states whose formats can be generated. The people, streets and offices are invented from common words.
func issuers() []*issuer {
	return append([]*issuer{
		{
			code: "UTO", name: "UTOPIA", english: "UTOPIA", citizen: "UTOPIAN", language: english,
			colours:  palette{0xEDF3EE, 0x5E9C86, 0xC79A5B, 0x1F5B48},
			number:   map[Kind]string{Passport: "A99999999", IDCardTD1: "A9999999#", IDCardTD2: "A99999999", VisaA: "A9999999", VisaB: "A9999999", ResidencePermit: "AA9999999", LicenceEU: "999999999"},
			personal: "AA999999A", postcode: "9999", offices: []string{"MINISTRY OF THE INTERIOR", "PASSPORT OFFICE AMAUROT", "CITY OF AMAUROT"},
			towns: []string{"Amaurot", "Zenith", "Anydros", "Ademos"}, streets: []string{"Harbour Road", "Raphael Street", "Long Walk", "Mill Lane", "Garden Row"},
			surnames: []string{"Eriksson", "Hythloday", "Marlowe", "Ferrars", "Okafor", "Linden", "Quayle", "Van der Berg", "O'Dwyer", "Smith-Jones"},
			women:    []string{"Anna", "Maria", "Ilse", "Joan", "Grace", "Miriam", "Vera", "Alix"}, men: []string{"Peter", "Raphael", "Thomas", "Hugo", "Samuel", "Owen", "Giles"},
			euMember: true,
		},
		{
			code: "D", name: "BUNDESREPUBLIK DEUTSCHLAND", english: "FEDERAL REPUBLIC OF GERMANY", citizen: "DEUTSCH", language: german,
			colours: palette{0xF1F1EA, 0x7FA39B, 0xC2A35E, 0x2B4A57},
			number:  map[Kind]string{Passport: "C9#9#9#99", IDCardTD1: "L9#9#9#99", IDCardTD2: "L9999999#", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "Y9#9#9#99", LicenceEU: "A99#999AA99"},
			offices: []string{"STADT MUSTERHAUSEN", "LANDRATSAMT ALTENBRÜCK", "STADT GRÜNFURT"}, postcode: "99999",
			towns: []string{"Musterhausen", "Grünfurt", "Altenbrück", "Köln", "Würzburg"}, streets: []string{"Lindenweg", "Goethestraße", "Am Mühlbach", "Schulgasse"},
			surnames: []string{"Müller", "Weiß", "Schröder", "Jäger", "Größmann", "Vogt", "Hartmann", "von der Heide"},
			women:    []string{"Jördis", "Anneliese", "Käthe", "Sabine", "Ulrike", "Lena"}, men: []string{"Jürgen", "Matthias", "Björn", "Karl", "Uwe", "Lukas"}, euMember: true,
		},
		{
			code: "FRA", name: "RÉPUBLIQUE FRANÇAISE", english: "FRENCH REPUBLIC", citizen: "FRANÇAISE", language: french,
			colours: palette{0xEFF2F8, 0x8BA3CF, 0xD49AA2, 0x27407C},
			number:  map[Kind]string{Passport: "99AA99999", IDCardTD1: "A9A#9A9A9", IDCardTD2: "99AA99999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "A9AA9A9A9", LicenceEU: "99AA99999", IDCardNational: "999999999999"},
			offices: []string{"PRÉFECTURE DE VALMONT", "SOUS-PRÉFECTURE DE BOISCLAIR"}, postcode: "99999",
			towns: []string{"Valmont", "Boisclair", "Saint-Étienne", "Orléans", "Besançon"}, streets: []string{"Rue des Tilleuls", "Avenue de la Gare", "Impasse du Moulin"},
			surnames: []string{"Lefèvre", "Garçon", "Benoît", "D'Aubigné", "Moreau", "Fontaine", "Saint-Martin"},
			women:    []string{"Hélène", "Françoise", "Chloé", "Aïcha", "Manon", "Zoé"}, men: []string{"Jérôme", "François", "Loïc", "Étienne", "Noël", "Rémi"}, euMember: true,
		},
		{
			code: "ESP", name: "REINO DE ESPAÑA", english: "KINGDOM OF SPAIN", citizen: "ESPAÑOLA", language: spanish,
			colours:  palette{0xF4F0EA, 0xC99B8B, 0x9DB39B, 0x7A2C2C},
			number:   map[Kind]string{Passport: "AAA999999", IDCardTD1: "AAA999999", IDCardTD2: "AAA999999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "E99999999", LicenceEU: "99999999-A", IDCardNational: "AAA999999"},
			personal: "99999999A", offices: []string{"EQUIPO 08999A6D1", "DIRECCIÓN GENERAL DE VALDERÍO"}, postcode: "99999",
			towns: []string{"Valderío", "Peñafiel", "Cádiz", "Logroño", "A Coruña"}, streets: []string{"Calle del Olmo", "Plaza Mayor", "Avenida del Río"},
			surnames: []string{"García Muñoz", "Peña Ibáñez", "López Nuñez", "Ruiz", "Castaño Gil"}, women: []string{"María", "Begoña", "Inés", "Lucía", "Nuria"}, men: []string{"José", "Íñigo", "Álvaro", "Martín", "Raúl"}, euMember: true,
		},
		{
			code: "ITA", name: "REPUBBLICA ITALIANA", english: "ITALIAN REPUBLIC", citizen: "ITALIANA", language: italian,
			colours: palette{0xEFF4EE, 0x86B49A, 0xBBA0C0, 0x2C5A3C},
			number:  map[Kind]string{Passport: "AA9999999", IDCardTD1: "AA99999AA", IDCardTD2: "AA9999999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "A99999999", LicenceEU: "A99A999999A", IDCardNational: "AA99999AA"},
			offices: []string{"COMUNE DI ROCCABELLA", "QUESTURA DI MONTEFIORE"}, postcode: "99999",
			towns: []string{"Roccabella", "Montefiore", "Forlì", "Cefalù"}, streets: []string{"Via dei Pini", "Corso Garibaldi", "Piazza del Pozzo"},
			surnames: []string{"Nicolò", "De Santis", "Ferrari", "D'Angelo", "Conti", "Pavarò"}, women: []string{"Giulia", "Niccolina", "Chiara", "Rosalìa"}, men: []string{"Nicolò", "Matteo", "Andrea", "Luca", "Giosuè"}, euMember: true,
		},
		{
			code: "NLD", name: "KONINKRIJK DER NEDERLANDEN", english: "KINGDOM OF THE NETHERLANDS", citizen: "NEDERLANDSE", language: dutch,
			colours:  palette{0xF3F0F4, 0xB38FB8, 0x8FB0C4, 0x5A2F63},
			number:   map[Kind]string{Passport: "AAA9AA999", IDCardTD1: "AAA9AA999", IDCardTD2: "AAA9AA999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "A9999999A", LicenceEU: "9999999999"},
			personal: "999999999", offices: []string{"Burg. van Waterdorp", "Burg. van Heuvelstad"}, postcode: "9999 AA",
			towns: []string{"Waterdorp", "Heuvelstad", "Leiden", "Zwolle"}, streets: []string{"Kerkstraat", "Dijkweg", "Molenlaan"},
			surnames: []string{"De Bruijn", "Van der Velde", "Jansen", "IJsbrand", "Hoekstra"}, women: []string{"Willeke", "Renée", "Sanne", "Anouk"}, men: []string{"Jeroen", "Daniël", "Pieter", "Bram"}, euMember: true,
		},
		{
			code: "POL", name: "RZECZPOSPOLITA POLSKA", english: "REPUBLIC OF POLAND", citizen: "POLSKIE", language: polish,
			colours:  palette{0xF5EFEF, 0xC690A0, 0x9FA6C9, 0x8A1F36},
			number:   map[Kind]string{Passport: "AA9999999", IDCardTD1: "AAA999999", IDCardTD2: "AAA999999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "AA9999999", LicenceEU: "99999/99/9999"},
			personal: "99999999999", offices: []string{"PREZYDENT MIASTA BRZEZIE", "WOJEWODA LIPOWSKI"}, postcode: "99-999",
			towns: []string{"Brzezie", "Łódź", "Poznań", "Świdnik"}, streets: []string{"ul. Lipowa", "ul. Młyńska", "ul. Świętojańska"},
			surnames: []string{"Wójcik", "Kowalczyk", "Żak", "Łukasik", "Gąsior"}, women: []string{"Małgorzata", "Agnieszka", "Zofia", "Łucja"}, men: []string{"Paweł", "Michał", "Grzegorz", "Stanisław"}, euMember: true,
		},
		{
			code: "PRT", name: "REPÚBLICA PORTUGUESA", english: "PORTUGUESE REPUBLIC", citizen: "PORTUGUESA", language: portuguese,
			colours: palette{0xF0F4EC, 0x9DBB82, 0xD0A07A, 0x3B5A1E},
			number:  map[Kind]string{Passport: "AA999999", IDCardTD1: "99999999", IDCardTD2: "AA999999", VisaA: "99999999", VisaB: "99999999", ResidencePermit: "A999999A9", LicenceEU: "AA-999999 9"},
			offices: []string{"SEF VILA FLORIDA", "CONSERVATÓRIA DE RIO FRIO"}, postcode: "9999-999",
			towns: []string{"Vila Florida", "Rio Frio", "Évora", "Guimarães"}, streets: []string{"Rua das Flores", "Travessa do Poço"},
			surnames: []string{"Conceição", "Magalhães", "Simões", "Araújo"}, women: []string{"Inês", "Conceição", "Leonor", "Beatriz"}, men: []string{"João", "António", "Simão", "Duarte"}, euMember: true,
		},
		{
			code: "SWE", name: "KONUNGARIKET SVERIGE", english: "KINGDOM OF SWEDEN", citizen: "SVENSK", language: swedish,
			colours:  palette{0xF4F3E8, 0x8CAFC8, 0xD5BE6A, 0x1D4E79},
			number:   map[Kind]string{Passport: "99999999", IDCardTD1: "99999999", IDCardTD2: "99999999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "99999999", LicenceEU: "999999 999999"},
			personal: "999999-9999", offices: []string{"POLISMYNDIGHETEN BJÖRKVIK", "MIGRATIONSVERKET"}, postcode: "999 99",
			towns: []string{"Björkvik", "Åmåla", "Örebro", "Växjö"}, streets: []string{"Storgatan", "Åsvägen", "Björkallén"},
			surnames: []string{"Öberg", "Lindström", "Åkesson", "Sjögren", "Nyman"}, women: []string{"Åsa", "Märta", "Elin", "Linnéa"}, men: []string{"Göran", "Håkan", "Emil", "Sören"}, euMember: true,
		},
		{
			code: "USA", name: "UNITED STATES OF AMERICA", english: "UNITED STATES OF AMERICA", citizen: "UNITED STATES OF AMERICA", language: english,
			colours: palette{0xF2F1F3, 0x8EA6C4, 0xC79AA0, 0x1F2F63},
			number:  map[Kind]string{Passport: "A99999999", LicenceAAMVA: "A9999999", VisaA: "99999999", VisaB: "99999999"},
			offices: []string{"UNITED STATES DEPARTMENT OF STATE"}, postcode: "99999",
			towns: []string{"Springvale", "Oak Hollow", "Fairwater", "Cedar Point"}, streets: []string{"Maple Street", "Main Street", "Lakeview Drive", "Elm Avenue"},
			surnames: []string{"Harper", "Whitfield", "Delgado", "Nguyen", "Washington", "McAllister"}, women: []string{"Emily", "Janelle", "Rosa", "Carol", "Tamika"}, men: []string{"James", "Robert", "Luis", "Darnell", "Walter"},
			states: []string{"CA", "NY", "TX", "WA", "FL", "OH"}, beside: []int{french, spanish}, dates: []string{"02 Jan 2006"},
		},
	}, furtherIssuers()...)
}

// issuerOf finds an issuer that gives out the kind; nil when there is none.
func issuerOf(code string, kind Kind) *issuer {
	for _, i := range issuers() {
		if i.code == code && i.number[kind] != "" {
			return i
		}
	}
	return nil
}

// caption is how the issuer heads a field: its own language, then English.
func (i *issuer) caption(key string) string {
	if i.language == english {
		return say(english, key)
	}
	return say(i.language, key) + " / " + say(english, key)
}

// word is a title in the issuer's own language.
func (i *issuer) word(key string) string { return say(i.language, key) }
