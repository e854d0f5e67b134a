package specimen

// These tables write the names of the issuers that print two scripts in Latin letters, by the tables of ICAO Doc 9303-3
// section 6 B for Bulgaria and Ukraine (with their national spellings) and by ELOT 743 for Greece.
var (
	bulgarianNames = map[string]string{
		"Иванова": "Ivanova", "Петров": "Petrov", "Димитрова": "Dimitrova", "Стоянов": "Stoyanov", "Желева": "Zheleva", "Цветков": "Tsvetkov",
		"Мария": "Mariya", "Елена": "Elena", "Десислава": "Desislava", "Георги": "Georgi", "Николай": "Nikolay", "Борис": "Boris", "Пловдив": "Plovdiv", "Варна": "Varna", "Русе": "Ruse",
	}
	ukrainianNames = map[string]string{
		"Ткаченко": "Tkachenko", "Шевчук": "Shevchuk", "Бойко": "Boiko", "Гриценко": "Hrytsenko", "Лисенко": "Lysenko", "Марія": "Mariia", "Оксана": "Oksana", "Юлія": "Yuliia",
		"Андрій": "Andrii", "Тарас": "Taras", "Богдан": "Bohdan", "Львів": "Lviv", "Полтава": "Poltava", "Одеса": "Odesa",
	}
	greekNames = map[string]string{
		"Παπαδοπούλου": "Papadopoulou", "Νικολάου": "Nikolaou", "Βασιλείου": "Vasileiou", "Δημητρίου": "Dimitriou", "Ιωάννου": "Ioannou", "Μαρία": "Maria", "Ελένη": "Eleni", "Αικατερίνη": "Aikaterini",
		"Γεώργιος": "Georgios", "Νικόλαος": "Nikolaos", "Κωνσταντίνος": "Konstantinos", "Πάτρα": "Patra", "Αθήνα": "Athina", "Λάρισα": "Larisa",
	}
	chineseNames = map[string]string{
		"王": "Wang", "李": "Li", "张": "Zhang", "陈": "Chen", "芳": "Fang", "丽娜": "Lina", "晓明": "Xiaoming", "伟": "Wei", "江苏": "Jiangsu", "浙江": "Zhejiang", "四川": "Sichuan",
	}
	traditionalNames = map[string]string{
		"陳": "Chan", "黃": "Wong", "林": "Lam", "李": "Lee", "美玲": "Mei Ling", "嘉欣": "Ka Yan", "大文": "Tai Man", "志強": "Chi Keung", "香港": "Hong Kong",
	}
)

// numbers gives every kind that needs a number the shapes of passports, cards and licences.
func numbers(passport, card, licence string) map[Kind]string {
	return map[Kind]string{
		Passport: passport, IDCardTD1: card, IDCardTD2: card, ResidencePermit: card, VisaA: "999999999", VisaB: "999999999", LicenceEU: licence,
	}
}

// furtherIssuers are states whose captions, arrangements and dates follow what their passports and cards print.
func furtherIssuers() []*issuer {
	list := append(europeanIssuers(), africanIssuers()...)
	return append(list, otherIssuers()...)
}

func europeanIssuers() []*issuer {
	return []*issuer{
		{
			code: "GBR", name: "UNITED KINGDOM OF GREAT BRITAIN AND NORTHERN IRELAND", english: "UNITED KINGDOM", citizen: "BRITISH CITIZEN", language: english, beside: []int{french},
			colours: palette{0xF1F2F6, 0x8D9CC0, 0xC9A0A6, 0x26305E}, number: map[Kind]string{Passport: "999999999", VisaA: "999999999", VisaB: "999999999", ResidencePermit: "AA9999999", LicenceEU: "AAAAA999999AA9AA"},
			offices: []string{"HMPO", "HOME OFFICE"}, postcode: "AA9 9AA", dates: []string{"02 Jan/Jan 06 ef", "02 Jan/Jan 2006 ef"}, towns: []string{"Lydbrook", "Ashcombe", "Westerholm", "London"}, streets: []string{"Mill Lane", "Orchard Close", "High Street"},
			surnames: []string{"Fletcher", "Whitcombe", "Pryce-Jones", "Abara", "O'Hara"}, women: []string{"Alice", "Charlotte", "Imogen", "Priya"}, men: []string{"George", "Oliver", "Callum", "Rhys"},
		},
		{
			code: "IRL", name: "ÉIRE / IRELAND / IRLANDE", english: "IRELAND", citizen: "ÉIREANNACH/IRISH", language: irish, beside: []int{english, french},
			colours: palette{0xEFF5EE, 0x83B596, 0xCDB38B, 0x1E5A3A}, number: numbers("AA9999999", "A99999999", "999999999"), offices: []string{"AN ROINN GNÓTHAÍ EACHTRACHA", "DUBLIN"}, postcode: "A99 AA99",
			dates: []string{"02 Jan/Jan 2006 ef", "02 Jan 2006"}, towns: []string{"Baile Átha Luain", "Kilmore", "Galway"}, streets: []string{"Abbey Street", "Bóthar na Trá"},
			surnames: []string{"Ní Bhriain", "O'Sullivan", "Ó Súilleabháin", "Brennan", "Mac Giolla"}, women: []string{"Aoife", "Sinéad", "Niamh", "Róisín"}, men: []string{"Seán", "Eoin", "Pádraig", "Cian"}, euMember: true,
		},
		{
			code: "BEL", name: "BELGIË BELGIQUE BELGIEN BELGIUM", english: "BELGIUM", citizen: "Belg", language: dutch, beside: []int{french, german, english},
			colours: palette{0xF5F1EA, 0xC8B08A, 0x9FB2C6, 0x5A3A16}, number: numbers("AA999999", "999999999", "9999999999"), personal: "99.99.99-999.99", offices: []string{"STAD VELDEKE", "VILLE DE CLAIRMONT"}, postcode: "9999",
			dates: []string{"02 Jan 2006", "02.01.2006", "02/01/2006"}, towns: []string{"Veldeke", "Clairmont", "Liège", "Sankt Vith"}, streets: []string{"Kerkstraat", "Rue du Moulin"}, mixed: true,
			surnames: []string{"De Smet", "Dubois", "Vandenbroucke", "Lambrecht", "Delvaux"}, women: []string{"Lotte", "Amélie", "Marie", "Noor"}, men: []string{"Thibault", "Wout", "Benoît", "Jef"}, euMember: true,
		},
		{
			code: "CHE", name: "SCHWEIZ SUISSE SVIZZERA SVIZRA SWITZERLAND", english: "SWITZERLAND", citizen: "SCHWEIZ", language: german, beside: []int{french, italian, english},
			colours: palette{0xF7EEEE, 0xD09A9A, 0xA8A0B8, 0x8C1B24}, number: numbers("A9999999", "A9999999", "999999999999"), offices: []string{"Blumenau BE", "Valdrone VD"}, postcode: "9999",
			dates: []string{"02.01.2006", "02 01 2006", "02.01.06"}, towns: []string{"Blumenau BE", "Valdrone VD", "Zürich", "Genève"}, streets: []string{"Seestrasse", "Chemin des Vignes"}, mixed: true,
			surnames: []string{"Zürcher", "Favre", "Bernasconi", "Aebischer", "Rüegg"}, women: []string{"Regula", "Chantal", "Lucia", "Vreni"}, men: []string{"Reto", "Grégoire", "Fabio", "Urs"},
		},
		{
			code: "AUT", name: "REPUBLIK ÖSTERREICH", english: "REPUBLIC OF AUSTRIA", citizen: "ÖSTERREICH", language: german, beside: []int{english, french}, own: map[string]string{"surname": "Familienname", "issuing_authority": "Ausstellende Behörde"},
			colours: palette{0xF6EFEC, 0xC99C92, 0xB5B09A, 0x7A2026}, number: numbers("A9999999", "AA9999999", "99999999"), offices: []string{"BH SEEKIRCH", "MAGISTRAT LINDENAU"}, postcode: "9999",
			dates: []string{"02.01.2006", "02 Jan 2006"}, towns: []string{"Seekirch", "Lindenau", "Mödling", "St. Pölten"}, streets: []string{"Hauptstraße", "Mühlgasse"},
			surnames: []string{"Grübler", "Hofstätter", "Wögerer", "Lechner"}, women: []string{"Theresia", "Katharina", "Magdalena"}, men: []string{"Florian", "Günther", "Leopold"}, euMember: true,
		},
		{
			code: "ROU", name: "ROMÂNIA", english: "ROMANIA", citizen: "ROMÂNĂ", language: romanian, beside: []int{english, french}, colours: palette{0xF0F2F7, 0x93A4CB, 0xD3B876, 0x27357A}, number: numbers("99999999", "AA999999", "A99999999A"),
			personal: "9999999999999", offices: []string{"SPCLEP VALEA MARE", "MAI"}, postcode: "999999", dates: []string{"02.01.2006", "02 Jan/Jan 06 ef"}, towns: []string{"Valea Mare", "Brașov", "Iași", "Constanța"}, streets: []string{"Str. Teiului", "Bd. Unirii"},
			surnames: []string{"Popescu", "Ionescu", "Stănescu", "Țurcanu", "Munteanu"}, women: []string{"Ioana", "Mădălina", "Elena"}, men: []string{"Ștefan", "Andrei", "Răzvan"}, euMember: true,
		},
		{
			code: "CZE", name: "ČESKÁ REPUBLIKA", english: "CZECH REPUBLIC", citizen: "ČESKÁ REPUBLIKA/CZECH REPUBLIC", language: czech, colours: palette{0xF1F3F5, 0x8FA6BE, 0xCB9A9A, 0x233F66}, number: numbers("99999999", "999999999", "AA 999999"),
			personal: "999999/9999", offices: []string{"MÚ LIPOVEC", "MAGISTRÁT MĚSTA BŘEZNICE"}, postcode: "999 99", dates: []string{"02.01.2006", "02. 01. 2006"}, towns: []string{"Lipovec", "Březnice", "Ústí nad Orlicí"}, streets: []string{"Nádražní", "Dlouhá"},
			surnames: []string{"Nováková", "Dvořák", "Šimůnek", "Žižka", "Křížová"}, women: []string{"Kateřina", "Žofie", "Jiřina"}, men: []string{"Tomáš", "Jiří", "Ondřej"}, euMember: true,
		},
		{
			code: "GRC", name: "ΕΛΛΗΝΙΚΗ ΔΗΜΟΚΡΑΤΙΑ", english: "HELLENIC REPUBLIC", citizen: "ΕΛΛΗΝΙΚΗ/HELLENIC", language: greek, colours: palette{0xEEF3F8, 0x8CB0D0, 0xC9BE95, 0x1D4D86}, number: numbers("AA9999999", "AA999999", "999999999"),
			offices: []string{"NATIONAL PASSPORT CENTRE", "MINISTRY OF CITIZEN PROTECTION"}, postcode: "999 99", dates: []string{"02 Jan 06", "02/01/2006", "02 Jan 2006"}, towns: []string{"Πάτρα", "Αθήνα", "Λάρισα"}, streets: []string{"Οδός Ερμού"}, latin: greekNames,
			surnames: []string{"Παπαδοπούλου", "Νικολάου", "Βασιλείου", "Δημητρίου", "Ιωάννου"}, women: []string{"Μαρία", "Ελένη", "Αικατερίνη"}, men: []string{"Γεώργιος", "Νικόλαος", "Κωνσταντίνος"}, euMember: true,
		},
		{
			code: "BGR", name: "РЕПУБЛИКА БЪЛГАРИЯ", english: "REPUBLIC OF BULGARIA", citizen: "БЪЛГАРИЯ/BULGARIA", language: bulgarian, colours: palette{0xF1F5EF, 0x95B79A, 0xC99A94, 0x2C5A32}, number: numbers("999999999", "999999999", "999999999"),
			personal: "9999999999", offices: []string{"MOI BGR"}, postcode: "9999", dates: []string{"02.01.2006"}, towns: []string{"Пловдив", "Варна", "Русе"}, streets: []string{"ул. Липа"}, latin: bulgarianNames,
			surnames: []string{"Иванова", "Петров", "Димитрова", "Стоянов", "Желева", "Цветков"}, women: []string{"Мария", "Елена", "Десислава"}, men: []string{"Георги", "Николай", "Борис"}, euMember: true,
		},
		{
			code: "UKR", name: "УКРАЇНА", english: "UKRAINE", citizen: "УКРАЇНА/UKRAINE", language: ukrainian, colours: palette{0xEFF4F8, 0x8FB4D2, 0xDCC878, 0x1E4E86}, number: numbers("AA999999", "999999999", "AAA999999"), personal: "99999999-99999",
			offices: []string{"8099", "4623"}, postcode: "99999", dates: []string{"02.01.2006", "02 01 2006", "02 Jan 2006"}, towns: []string{"Львів", "Полтава", "Одеса"}, streets: []string{"вул. Садова"}, latin: ukrainianNames,
			surnames: []string{"Ткаченко", "Шевчук", "Бойко", "Гриценко", "Лисенко"}, women: []string{"Марія", "Оксана", "Юлія"}, men: []string{"Андрій", "Тарас", "Богдан"},
		},
		{
			code: "TUR", name: "TÜRKİYE CUMHURİYETİ", english: "REPUBLIC OF TÜRKİYE", citizen: "T.C./TUR", language: turkish, colours: palette{0xF7EFEF, 0xCF9BA0, 0x9FB0B8, 0x8E1C2B}, number: numbers("A99999999", "A99A99999", "999999"),
			personal: "99999999999", offices: []string{"BEYKÖY", "İÇİŞLERİ BAKANLIĞI"}, postcode: "99999", dates: []string{"02.01.2006", "02/01/2006"}, towns: []string{"Beyköy", "İzmir", "Eskişehir"}, streets: []string{"Çınar Sokak", "Gül Caddesi"},
			surnames: []string{"Yıldız", "Öztürk", "Şahin", "Çelik", "Doğan"}, women: []string{"Ayşe", "Gülşen", "Zeynep"}, men: []string{"İbrahim", "Oğuz", "Murat"},
		},
		{
			code: "HUN", name: "MAGYARORSZÁG", english: "HUNGARY", citizen: "MAGYAR/HUNGARIAN", language: hungarian, colours: palette{0xF4F3EC, 0xB4B48F, 0xC79C8A, 0x3F5A2A}, number: numbers("AA9999999", "999999AA", "AA999999"), personal: "9-999999-9999",
			offices: []string{"BM NYILVÁNTARTÓ", "KEKKH"}, postcode: "9999", dates: []string{"2006.01.02", "02 Jan/Jan 2006 ef", "2006. 01. 02."}, towns: []string{"Kővágó", "Győr", "Székesfehérvár"}, streets: []string{"Fő utca", "Rózsa utca"},
			surnames: []string{"Szűcs", "Kovács", "Tóth", "Győri"}, women: []string{"Zsófia", "Ágnes", "Erzsébet"}, men: []string{"Gergő", "László", "Ödön"}, euMember: true,
		},
		{
			code: "HRV", name: "REPUBLIKA HRVATSKA", english: "REPUBLIC OF CROATIA", citizen: "HRVATSKO/CROATIAN", language: croatian, colours: palette{0xF0F1F7, 0x9AA3CC, 0xCFA0A4, 0x2B3A74}, number: numbers("999999999", "999999999", "99999999"), personal: "99999999999",
			offices: []string{"PU VUKOVO", "PU ZADARSKA"}, postcode: "99999", dates: []string{"02.01.2006.", "02.01.2006"}, towns: []string{"Vukovo", "Šibenik", "Čakovec"}, streets: []string{"Ulica lipa", "Trg slobode"},
			surnames: []string{"Horvat", "Šarić", "Đurić", "Kovačević"}, women: []string{"Željka", "Marija", "Ivana"}, men: []string{"Krešimir", "Luka", "Antonio"}, euMember: true,
		},
		{
			code: "DNK", name: "DANMARK", english: "DENMARK", citizen: "Dansk/Danish", language: danish, beside: []int{english, french}, colours: palette{0xF6EEEE, 0xCC9A9E, 0xB7B2A2, 0x8A1E2C}, number: numbers("999999999", "999999999", "99999999"),
			offices: []string{"Nørrelund Kommune", "Rigspolitiet"}, postcode: "9999", dates: []string{"02.01.2006", "02-01-2006"}, towns: []string{"Nørrelund", "Ålborg", "Ærøskøbing"}, streets: []string{"Møllevej", "Søndergade"}, mixed: true,
			surnames: []string{"Sørensen", "Nørgaard", "Kjær", "Bæk"}, women: []string{"Søs", "Mette", "Kirstine"}, men: []string{"Jørgen", "Mads", "Åge"}, euMember: true,
		},
		{
			code: "FIN", name: "SUOMI FINLAND", english: "FINLAND", citizen: "SUOMI/FINLAND", language: finnish, beside: []int{swedish, english}, colours: palette{0xEEF3F7, 0x90B0CE, 0xB9C2C9, 0x1D4878}, number: numbers("AA9999999", "999999999", "999999-999A"),
			personal: "999999-999A", offices: []string{"POLIISI", "LÄNSI-UUDENMAAN POLIISILAITOS"}, postcode: "99999", dates: []string{"02.01.2006", "02 Jan 2006"}, towns: []string{"Järvenpää", "Hämeenlinna", "Åbo"}, streets: []string{"Koivukuja", "Mäkitie"},
			surnames: []string{"Mäkinen", "Hämäläinen", "Öhman", "Virtanen"}, women: []string{"Päivi", "Aino", "Marjatta"}, men: []string{"Väinö", "Jukka", "Eero"}, euMember: true,
		},
	}
}

func africanIssuers() []*issuer {
	return []*issuer{
		{
			code: "CIV", name: "RÉPUBLIQUE DE CÔTE D'IVOIRE", english: "REPUBLIC OF CÔTE D'IVOIRE", citizen: "IVOIRIENNE", language: french, colours: palette{0xF7F2E9, 0xD9A86A, 0x8FBF94, 0x8A4A12},
			number: map[Kind]string{Passport: "99AA99999", IDCardTD1: "CI9999999", ResidencePermit: "A99999999", VisaA: "999999999", IDCardNational: "C 9999 9999 99", LicenceNational: "AAA01-99-99999999A"}, personal: "99999999999",
			offices: []string{"DST ABOBO", "ONI"}, postcode: "99", dates: []string{"02/01/2006", "02/01/2006", "02 Jan/Jan 2006 fe"}, towns: []string{"Abobo", "Bouaké", "Korhogo", "Yamoussoukro"}, streets: []string{"Rue des Jardins", "Boulevard Latrille"},
			surnames: []string{"Kouassi", "Koné", "N'Guessan", "Traoré", "Yao"}, women: []string{"Aya", "Mariam", "Affoué", "Adjoua"}, men: []string{"Koffi", "Moussa", "Yao", "Séraphin"},
		},
		{
			code: "SEN", name: "RÉPUBLIQUE DU SÉNÉGAL", english: "REPUBLIC OF SENEGAL", citizen: "SÉNÉGALAISE", language: french, colours: palette{0xF2F5EC, 0x9CBB86, 0xD8C172, 0x2C5E2E},
			number: map[Kind]string{Passport: "A99999999", IDCardTD1: "999999999", VisaA: "999999999", IDCardNational: "9 999 9999 99999"}, personal: "9999999999999", offices: []string{"DAF DAKAR", "CENTRE THIÈS"}, postcode: "99999", dates: []string{"02/01/2006", "02 Jan/Jan 2006 fe"},
			towns: []string{"Thiès", "Saint-Louis", "Ziguinchor"}, streets: []string{"Rue de la Corniche", "Avenue Faidherbe"}, surnames: []string{"Diop", "N'Diaye", "Sène", "Fall"}, women: []string{"Aïssatou", "Fatou", "Khady"}, men: []string{"Mamadou", "Ibrahima", "Cheikh"},
		},
		{
			code: "MAR", name: "ROYAUME DU MAROC", english: "KINGDOM OF MOROCCO", citizen: "MAROCAINE", language: french, beside: []int{english, arabic}, colours: palette{0xEFF5F0, 0x8CBB9E, 0xCF9A90, 0x1F5C3A}, number: map[Kind]string{Passport: "AA9999999", IDCardTD1: "AA999999", VisaA: "999999999", ResidencePermit: "A999999A"},
			personal: "AA999999", offices: []string{"PRÉFECTURE DE SALÉ", "PROVINCE D'ERRACHIDIA"}, postcode: "99999", dates: []string{"02/01/2006", "02.01.2006"}, towns: []string{"Salé", "Fès", "Errachidia"}, streets: []string{"Rue des Orangers", "Avenue Hassan"},
			surnames: []string{"El Amrani", "Benali", "Alaoui", "Tazi"}, women: []string{"Fatima Zahra", "Salma", "Naïma"}, men: []string{"Youssef", "Mehdi", "Rachid"},
		},
		{
			code: "CMR", name: "RÉPUBLIQUE DU CAMEROUN", english: "REPUBLIC OF CAMEROON", citizen: "CAMEROUNAISE", language: french, colours: palette{0xF1F5EC, 0x9ABF8C, 0xD2A59A, 0x2A5A26}, number: map[Kind]string{Passport: "A9999999", IDCardTD1: "999999999", VisaA: "999999999", IDCardNational: "99999999999999999"},
			offices: []string{"DGSN/CMR", "CENI YAOUNDÉ"}, postcode: "999", dates: []string{"02.01.2006", "02 Jan/Jan 2006 fe"}, towns: []string{"Bafoussam", "Ngaoundéré", "Kribi"}, streets: []string{"Rue Essos"}, surnames: []string{"Mbarga", "Ngo Biyong", "Tchoupo", "Fouda"},
			women: []string{"Solange", "Béatrice", "Ngono"}, men: []string{"Étienne", "Alphonse", "Njoya"},
		},
		{
			code: "NGA", name: "FEDERAL REPUBLIC OF NIGERIA", english: "FEDERAL REPUBLIC OF NIGERIA", citizen: "NIGERIAN", language: english, beside: []int{french}, colours: palette{0xEFF6F0, 0x86BC98, 0xBBC8B2, 0x17603A},
			number: map[Kind]string{Passport: "A99999999", IDCardTD1: "AA9999999", VisaA: "999999999", IDCardNational: "9999 999 9999", LicenceNational: "AAA99999AA99"}, personal: "99999999999", offices: []string{"IBADAN", "ALAUSA IKEJA"}, postcode: "999999", dates: []string{"02 Jan/Jan 06 ef", "02 Jan 2006", "02-01-2006"},
			towns: []string{"Ibadan", "Enugu", "Kaduna"}, streets: []string{"Palm Avenue", "Unity Road"}, surnames: []string{"Adeyemi", "Okonkwo", "Bello", "Eze"}, women: []string{"Ngozi", "Folake", "Hauwa"}, men: []string{"Chinedu", "Tunde", "Musa"},
		},
		{
			code: "GHA", name: "REPUBLIC OF GHANA", english: "REPUBLIC OF GHANA", citizen: "GHANAIAN", language: english, beside: []int{french}, colours: palette{0xF6F3E8, 0xCDB672, 0xB98C86, 0x6A4A12}, number: map[Kind]string{Passport: "A9999999", IDCardTD1: "AA9999999", VisaA: "999999999", IDCardNational: "AA9999999"},
			personal: "GHA-999999999-9", offices: []string{"ACCRA", "NIA KUMASI"}, postcode: "AA-999-9999", dates: []string{"02 Jan 2006", "02/01/2006"}, towns: []string{"Kumasi", "Tamale", "Cape Coast"}, streets: []string{"Castle Road"}, surnames: []string{"Mensah", "Owusu", "Boateng", "Asante"},
			women: []string{"Akosua", "Efua", "Abena"}, men: []string{"Kwame", "Kofi", "Yaw"},
		},
		{
			code: "ZAF", name: "REPUBLIC OF SOUTH AFRICA", english: "REPUBLIC OF SOUTH AFRICA", citizen: "SOUTH AFRICAN", language: english, beside: []int{french}, colours: palette{0xF2F4EA, 0xA9BB7E, 0xC9A479, 0x3D5720},
			number: map[Kind]string{Passport: "A99999999", IDCardTD1: "999999999", VisaA: "999999999", IDCardNational: "9999999999999", LicenceNational: "99999999AAA9"}, personal: "9999999999999", offices: []string{"DEPT OF HOME AFFAIRS"}, postcode: "9999", dates: []string{"02 Jan 2006", "02/01/2006"},
			towns: []string{"Paarl", "Polokwane", "Knysna"}, streets: []string{"Protea Street"}, surnames: []string{"Dlamini", "Van Wyk", "Naidoo", "Botha"}, women: []string{"Thandiwe", "Lerato", "Annelie"}, men: []string{"Sipho", "Pieter", "Kagiso"},
		},
		{
			code: "KEN", name: "REPUBLIC OF KENYA", english: "REPUBLIC OF KENYA", citizen: "KENYAN", language: english, beside: []int{french}, colours: palette{0xF3F3EC, 0xA9B88E, 0xC59A8C, 0x5A2A1E}, number: map[Kind]string{Passport: "AA999999", VisaA: "999999999", IDCardNational: "99999999", LicenceNational: "AA-9999999"},
			personal: "99999999", offices: []string{"NAIROBI", "REGISTRAR NYERI"}, postcode: "99999", dates: []string{"02.01.2006", "02 Jan 2006"}, towns: []string{"Nyeri", "Kisumu", "Machakos"}, streets: []string{"Uhuru Lane"}, surnames: []string{"Wanjiru", "Otieno", "Mutua", "Kiprono"},
			women: []string{"Grace", "Achieng", "Njeri"}, men: []string{"Peter", "Kamau", "Ochieng"},
		},
	}
}

func otherIssuers() []*issuer {
	return []*issuer{
		{
			code: "IND", name: "REPUBLIC OF INDIA", english: "REPUBLIC OF INDIA", citizen: "INDIAN", language: english, own: map[string]string{"given_names": "Given Name(s)", "type": "Type", "code": "Country Code", "issuing_authority": "Place of Issue"}, colours: palette{0xF4F1EA, 0xC9AE84, 0x8FB0A2, 0x4A3416},
			number: map[Kind]string{Passport: "A9999999", VisaA: "AA9999999", IDCardNational: "9999 9999 9999", LicenceNational: "MH99 99999999999"}, offices: []string{"PUNE", "COCHIN"}, postcode: "999999", dates: []string{"02/01/2006"}, towns: []string{"Nashik, Maharashtra", "Kottayam, Kerala", "Pune"}, streets: []string{"Gandhi Marg", "Temple Road"},
			surnames: []string{"Sharma", "Kulkarni", "Nair", "Patel"}, women: []string{"Lakshmi", "Anjali", "Meera"}, men: []string{"Rajesh", "Suresh", "Vikram"},
		},
		{
			code: "CHN", name: "中华人民共和国", english: "PEOPLE'S REPUBLIC OF CHINA", citizen: "中国/CHINESE", language: chinese, colours: palette{0xF5F0EE, 0xCBA095, 0xA3B3A0, 0x8A2020}, number: map[Kind]string{Passport: "EA9999999", VisaA: "A99999999", IDCardNational: "999999199901019999"}, personal: "999999199901019999", latin: chineseNames,
			offices: []string{"NIA", "MPS EXIT & ENTRY"}, postcode: "999999", dates: []string{"02 Jan/Jan 2006 zh", "2006.01.02", "02 Jan 2006"}, towns: []string{"江苏", "浙江", "四川"}, streets: []string{"人民路"}, surnames: []string{"王", "李", "张", "陈"}, women: []string{"芳", "丽娜"}, men: []string{"晓明", "伟"},
		},
		{
			code: "HKG", name: "HONG KONG SPECIAL ADMINISTRATIVE REGION", english: "HONG KONG", citizen: "CHINESE", language: chineseTraditional, colours: palette{0xF2F1F5, 0xA79DC4, 0xC9A3A0, 0x5A2458}, latin: traditionalNames,
			number: map[Kind]string{IDCardNational: "A999999(9)"}, offices: []string{"IMMIGRATION DEPARTMENT"}, postcode: "", dates: []string{"02-01-2006"}, towns: []string{"香港"}, streets: []string{"Queen's Road"}, surnames: []string{"陳", "黃", "林", "李"}, women: []string{"美玲", "嘉欣"}, men: []string{"大文", "志強"},
		},
		{
			code: "JPN", name: "日本国", english: "JAPAN", citizen: "JAPAN", language: japanese, colours: palette{0xF6F0F1, 0xCF9FAE, 0xA5A3C0, 0x7E1F3B}, number: map[Kind]string{Passport: "AA9999999", VisaA: "AA9999999"}, offices: []string{"MINISTRY OF FOREIGN AFFAIRS"}, postcode: "999-9999",
			dates: []string{"02 Jan 2006"}, towns: []string{"Osaka", "Nagano", "Kyoto"}, streets: []string{"Chuo"}, surnames: []string{"Tanaka", "Kobayashi", "Ogawa", "Shimizu"}, women: []string{"Yumi", "Haruka", "Sakura"}, men: []string{"Kenji", "Takashi", "Hiroto"},
		},
		{
			code: "BRA", name: "REPÚBLICA FEDERATIVA DO BRASIL", english: "FEDERATIVE REPUBLIC OF BRAZIL", citizen: "BRASILEIRO(A)", language: portuguese, colours: palette{0xF0F5EC, 0x97BE8A, 0xD8C97A, 0x1F5C2A},
			own:    map[string]string{"surname": "Sobrenome", "given_names": "Nome", "date_of_issue": "Data de expedição", "date_of_expiry": "Válido até", "place_of_birth": "Naturalidade", "personal_number": "CPF"},
			number: map[Kind]string{Passport: "AA999999", VisaA: "AA999999", IDCardNational: "99.999.999-9", LicenceNational: "99999999999"}, personal: "999.999.999-99", offices: []string{"SR/DPF/MG", "DETRAN"}, postcode: "99999-999", dates: []string{"02 Jan/Jan 2006 pe", "02/01/2006"},
			towns: []string{"Belo Horizonte", "Florianópolis", "São Luís"}, streets: []string{"Rua das Palmeiras"}, surnames: []string{"Gonçalves", "Assunção", "Ribeiro", "Moraes"}, women: []string{"Conceição", "Juliana", "Antônia"}, men: []string{"João", "Otávio", "Luís"},
		},
		{
			code: "MEX", name: "ESTADOS UNIDOS MEXICANOS", english: "UNITED MEXICAN STATES", citizen: "MEXICANA", language: spanish, colours: palette{0xF1F5EF, 0x93BA9A, 0xC99A94, 0x1E5A36}, number: map[Kind]string{Passport: "A99999999", VisaA: "A99999999", IDCardNational: "AAAAAA99999999H999"}, personal: "AAAA999999HAAAAA99",
			own: map[string]string{"given_names": "Nombres", "personal_number": "CURP"}, offices: []string{"SRE JALISCO"}, postcode: "99999", dates: []string{"02 01 2006", "02/01/2006"}, towns: []string{"Zapopan, Jal.", "Mérida", "Querétaro"}, streets: []string{"Calle Nogal"},
			surnames: []string{"Hernández Peña", "Muñoz Rivas", "Zúñiga Lara"}, women: []string{"Guadalupe", "Lucía", "Inés"}, men: []string{"José", "Ramón", "Ángel"},
		},
		{
			code: "COL", name: "REPÚBLICA DE COLOMBIA", english: "REPUBLIC OF COLOMBIA", citizen: "COLOMBIANA", language: spanish, colours: palette{0xF6F3E8, 0xD6BE77, 0x9AA8C6, 0x6A3A16}, number: map[Kind]string{Passport: "AA999999", VisaA: "AA999999", IDCardNational: "1.999.999.999"}, personal: "CC9999999999",
			offices: []string{"GOBERNACIÓN BOYACÁ"}, postcode: "999999", dates: []string{"02 Jan/Jan 2006 se", "02-Jan-2006 s"}, towns: []string{"Tunja", "Popayán", "Ibagué"}, streets: []string{"Carrera 7"}, surnames: []string{"Ospina Vélez", "Cárdenas", "Muñoz"}, women: []string{"Ximena", "Sofía", "Marcela"}, men: []string{"Andrés", "Julián", "Óscar"},
		},
		{
			code: "CAN", name: "CANADA", english: "CANADA", citizen: "CANADIAN/CANADIENNE", language: english, beside: []int{french}, colours: palette{0xF6F0F0, 0xCB9C9F, 0x9DAFC2, 0x8A1E28}, number: map[Kind]string{Passport: "AA999999", VisaA: "A99999999", LicenceAAMVA: "A9999-99999-99999"},
			offices: []string{"GATINEAU", "TORONTO"}, postcode: "A9A 9A9", dates: []string{"02 Jan /Jan 06 ef", "02 Jan /Jan 2006 ef"}, towns: []string{"Maple Bay CAN", "Trois-Rivières CAN", "Kelowna CAN"}, streets: []string{"Birch Avenue", "Portage Road"},
			surnames: []string{"Tremblay", "MacLeod", "Singh", "Gagné"}, women: []string{"Noémie", "Heather", "Simran"}, men: []string{"Luc", "Angus", "Harjit"}, states: []string{"ON", "BC", "AB", "NS"},
		},
	}
}
