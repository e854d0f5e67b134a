package specimen

// Further languages of captions, after those of captionOf.
const (
	czech = iota + languages
	romanian
	greek
	bulgarian
	ukrainian
	turkish
	irish
	chinese
	chineseTraditional
	japanese
	hungarian
	croatian
	danish
	finnish
	arabic
	noLanguage
)

// tongues has the captions of the further languages as passports and identity cards of their states print them. Arabic stands in its
// presentation forms in visual order, since text is set letter by letter from the left.
var tongues = map[int]map[string]string{
	czech: {
		"document_number": "Číslo dokladu", "passport_number": "Číslo pasu", "surname": "Příjmení", "given_names": "Jméno", "nationality": "Státní občanství", "date_of_birth": "Datum narození",
		"sex": "Pohlaví", "place_of_birth": "Místo narození", "date_of_issue": "Datum vydání", "date_of_expiry": "Platnost do", "issuing_authority": "Vydal", "personal_number": "Rodné číslo",
		"address": "Trvalý pobyt", "signature": "Podpis", "code": "Kód státu", "type": "Typ", "passport": "CESTOVNÍ PAS", "identity_card": "OBČANSKÝ PRŮKAZ", "residence_permit": "POVOLENÍ K POBYTU",
		"driving_licence": "ŘIDIČSKÝ PRŮKAZ", "unlimited_residence": "TRVALÝ POBYT", "type_of_permit": "Druh povolení",
	},
	romanian: {
		"document_number": "Nr. document", "passport_number": "Nr. pașaport", "surname": "Nume", "given_names": "Prenume", "nationality": "Cetățenie", "date_of_birth": "Data nașterii", "sex": "Sex",
		"place_of_birth": "Locul nașterii", "date_of_issue": "Data eliberării", "date_of_expiry": "Data expirării", "issuing_authority": "Autoritatea", "personal_number": "CNP", "address": "Domiciliu",
		"signature": "Semnătura", "code": "Codul țării", "type": "Tip", "passport": "PAȘAPORT", "identity_card": "CARTE DE IDENTITATE", "residence_permit": "PERMIS DE ȘEDERE",
		"driving_licence": "PERMIS DE CONDUCERE", "unlimited_residence": "ȘEDERE PERMANENTĂ", "type_of_permit": "Tipul permisului",
	},
	greek: {
		"document_number": "Αριθμός εγγράφου", "passport_number": "Αρ. διαβατηρίου", "surname": "Επώνυμο", "given_names": "Όνομα", "nationality": "Ιθαγένεια", "date_of_birth": "Ημερομηνία γέννησης",
		"sex": "Φύλο", "place_of_birth": "Τόπος γέννησης", "date_of_issue": "Ημερομηνία έκδοσης", "date_of_expiry": "Ημερομηνία λήξης", "issuing_authority": "Εκδούσα αρχή", "personal_number": "Προσωπικός αριθμός",
		"address": "Διεύθυνση", "signature": "Υπογραφή", "code": "Κωδικός", "type": "Τύπος", "passport": "ΔΙΑΒΑΤΗΡΙΟ", "identity_card": "ΔΕΛΤΙΟ ΤΑΥΤΟΤΗΤΑΣ", "residence_permit": "ΑΔΕΙΑ ΔΙΑΜΟΝΗΣ",
		"driving_licence": "ΑΔΕΙΑ ΟΔΗΓΗΣΗΣ", "unlimited_residence": "ΕΠΙ ΜΑΚΡΟΝ ΔΙΑΜΕΝΩΝ", "type_of_permit": "Τύπος άδειας",
	},
	bulgarian: {
		"document_number": "№ на документа", "passport_number": "№ на паспорта", "surname": "Фамилия", "given_names": "Име", "nationality": "Гражданство", "date_of_birth": "Дата на раждане", "sex": "Пол",
		"place_of_birth": "Място на раждане", "date_of_issue": "Дата на издаване", "date_of_expiry": "Валидност", "issuing_authority": "Издаден от", "personal_number": "ЕГН", "address": "Постоянен адрес",
		"signature": "Подпис", "code": "Код на държавата", "type": "Тип", "passport": "ПАСПОРТ", "identity_card": "ЛИЧНА КАРТА", "residence_permit": "РАЗРЕШЕНИЕ ЗА ПРЕБИВАВАНЕ",
		"driving_licence": "СВИДЕТЕЛСТВО ЗА УПРАВЛЕНИЕ", "unlimited_residence": "ПОСТОЯННО ПРЕБИВАВАЩ", "type_of_permit": "Вид на разрешението",
	},
	ukrainian: {
		"document_number": "Номер документа", "passport_number": "Номер паспорта", "surname": "Прізвище", "given_names": "Ім'я", "nationality": "Громадянство", "date_of_birth": "Дата народження", "sex": "Стать",
		"place_of_birth": "Місце народження", "date_of_issue": "Дата видачі", "date_of_expiry": "Дійсний до", "issuing_authority": "Орган, що видав", "personal_number": "Запис №", "address": "Місце проживання",
		"signature": "Підпис", "code": "Код держави", "type": "Тип", "passport": "ПАСПОРТ", "identity_card": "ПАСПОРТ ГРОМАДЯНИНА", "residence_permit": "ПОСВІДКА НА ПРОЖИВАННЯ",
		"driving_licence": "ПОСВІДЧЕННЯ ВОДІЯ", "unlimited_residence": "ПОСТІЙНЕ ПРОЖИВАННЯ", "type_of_permit": "Вид посвідки",
	},
	turkish: {
		"document_number": "Seri No", "passport_number": "Pasaport No", "surname": "Soyadı", "given_names": "Adı", "nationality": "Uyruğu", "date_of_birth": "Doğum Tarihi", "sex": "Cinsiyeti",
		"place_of_birth": "Doğum Yeri", "date_of_issue": "Veriliş Tarihi", "date_of_expiry": "Son Geçerlilik Tarihi", "issuing_authority": "Veren Makam", "personal_number": "T.C. Kimlik No", "address": "Adres",
		"signature": "İmza", "code": "Ülke Kodu", "type": "Türü", "passport": "PASAPORT", "identity_card": "KİMLİK KARTI", "residence_permit": "İKAMET İZNİ", "driving_licence": "SÜRÜCÜ BELGESİ",
		"unlimited_residence": "UZUN DÖNEM", "type_of_permit": "İzin Türü",
	},
	irish: {
		"document_number": "Uimhir doiciméid", "passport_number": "Uimh. phas", "surname": "Sloinne", "given_names": "Réamhainm(neacha)", "nationality": "Náisiúntacht", "date_of_birth": "Dáta breithe", "sex": "Gnéas",
		"place_of_birth": "Áit bhreithe", "date_of_issue": "Dáta eisiúna", "date_of_expiry": "As feidhm", "issuing_authority": "Údarás", "personal_number": "Uimhir phearsanta", "address": "Seoladh",
		"signature": "Síniú", "code": "Cód", "type": "Cineál", "passport": "PAS", "identity_card": "CÁRTA AITHEANTAIS", "residence_permit": "CEAD CÓNAITHE", "driving_licence": "CEADÚNAS TIOMÁNA",
		"unlimited_residence": "CÓNAÍ BUAN", "type_of_permit": "Cineál ceada",
	},
	chinese: {
		"document_number": "证件号码", "passport_number": "护照号", "surname": "姓", "given_names": "名", "nationality": "国籍", "date_of_birth": "出生日期", "sex": "性别", "place_of_birth": "出生地点",
		"date_of_issue": "签发日期", "date_of_expiry": "有效期至", "issuing_authority": "签发机关", "personal_number": "身份号码", "address": "住址", "signature": "持证人签名", "code": "国家码", "type": "类型",
		"passport": "护照", "identity_card": "居民身份证", "residence_permit": "居留证",
	},
	chineseTraditional: {
		"document_number": "證件號碼", "passport_number": "護照號碼", "surname": "姓", "given_names": "名", "nationality": "國籍", "date_of_birth": "出生日期", "sex": "性別", "place_of_birth": "出生地點",
		"date_of_issue": "簽發日期", "date_of_expiry": "有效日期至", "issuing_authority": "簽發機關", "personal_number": "身份證號碼", "address": "地址", "signature": "持證人簽署", "code": "國家編碼", "type": "類型",
		"passport": "護照", "identity_card": "香港身份證", "residence_permit": "居留證",
	},
	japanese: {
		"document_number": "番号", "passport_number": "旅券番号", "surname": "姓", "given_names": "名", "nationality": "国籍", "date_of_birth": "生年月日", "sex": "性別", "place_of_birth": "本籍",
		"date_of_issue": "発行年月日", "date_of_expiry": "有効期間満了日", "issuing_authority": "発行官庁", "personal_number": "個人番号", "address": "住所", "signature": "所持人自署", "code": "発行国", "type": "型",
		"passport": "日本国旅券", "identity_card": "身分証明書", "residence_permit": "在留カード",
	},
	hungarian: {
		"document_number": "Okmányszám", "passport_number": "Útlevélszám", "surname": "Családi név", "given_names": "Utónév", "nationality": "Állampolgárság", "date_of_birth": "Születési idő", "sex": "Nem",
		"place_of_birth": "Születési hely", "date_of_issue": "Kiállítás dátuma", "date_of_expiry": "Érvényességi idő", "issuing_authority": "Kiállító hatóság", "personal_number": "Személyi azonosító", "address": "Lakcím",
		"signature": "Aláírás", "code": "Országkód", "type": "Típus", "passport": "ÚTLEVÉL", "identity_card": "SZEMÉLYAZONOSÍTÓ IGAZOLVÁNY", "residence_permit": "TARTÓZKODÁSI ENGEDÉLY",
		"driving_licence": "VEZETŐI ENGEDÉLY", "unlimited_residence": "LETELEPEDETT", "type_of_permit": "Az engedély típusa",
	},
	croatian: {
		"document_number": "Broj isprave", "passport_number": "Broj putovnice", "surname": "Prezime", "given_names": "Ime", "nationality": "Državljanstvo", "date_of_birth": "Datum rođenja", "sex": "Spol",
		"place_of_birth": "Mjesto rođenja", "date_of_issue": "Datum izdavanja", "date_of_expiry": "Vrijedi do", "issuing_authority": "Izdala", "personal_number": "OIB", "address": "Prebivalište",
		"signature": "Potpis", "code": "Kod države", "type": "Tip", "passport": "PUTOVNICA", "identity_card": "OSOBNA ISKAZNICA", "residence_permit": "DOZVOLA BORAVKA", "driving_licence": "VOZAČKA DOZVOLA",
		"unlimited_residence": "STALNI BORAVAK", "type_of_permit": "Vrsta dozvole",
	},
	danish: {
		"document_number": "Dokumentnr.", "passport_number": "Pasnr.", "surname": "Efternavn", "given_names": "Fornavne", "nationality": "Nationalitet", "date_of_birth": "Fødselsdato", "sex": "Køn",
		"place_of_birth": "Fødested", "date_of_issue": "Udstedelsesdato", "date_of_expiry": "Udløbsdato", "issuing_authority": "Myndighed", "personal_number": "Personnr.", "address": "Adresse", "signature": "Underskrift",
		"code": "Landekode", "type": "Type", "passport": "PAS", "identity_card": "IDENTITETSKORT", "residence_permit": "OPHOLDSTILLADELSE", "driving_licence": "KØREKORT", "unlimited_residence": "PERMANENT OPHOLD",
		"type_of_permit": "Tilladelsens art",
	},
	finnish: {
		"document_number": "Asiakirjan numero", "passport_number": "Passin numero", "surname": "Sukunimi", "given_names": "Etunimet", "nationality": "Kansalaisuus", "date_of_birth": "Syntymäaika", "sex": "Sukupuoli",
		"place_of_birth": "Syntymäpaikka", "date_of_issue": "Myönnetty", "date_of_expiry": "Viimeinen voimassaolopäivä", "issuing_authority": "Viranomainen", "personal_number": "Henkilötunnus", "address": "Osoite",
		"signature": "Nimikirjoitus", "code": "Koodi", "type": "Tyyppi", "passport": "PASSI", "identity_card": "HENKILÖKORTTI", "residence_permit": "OLESKELULUPA", "driving_licence": "AJOKORTTI",
		"unlimited_residence": "PYSYVÄ", "type_of_permit": "Luvan laji",
	},
	arabic: {
		"document_number": "ﺔﻗﺎﻄﺒﻟﺍ ﻢﻗﺭ", "passport_number": "ﺮﻔﺴﻟﺍ ﺯﺍﻮﺟ ﻢﻗﺭ", "surname": "ﻲﻠﺋﺎﻌﻟﺍ ﻢﺳﻻﺍ", "given_names": "ﻲﺼﺨﺸﻟﺍ ﻢﺳﻻﺍ", "nationality": "ﺔﻴﺴﻨﺠﻟﺍ", "date_of_birth": "ﺩﺎﻳﺩﺯﻻﺍ ﺦﻳﺭﺎﺗ", "sex": "ﺲﻨﺠﻟﺍ",
		"place_of_birth": "ﺩﺎﻳﺩﺯﻻﺍ ﻥﺎﻜﻣ", "date_of_issue": "ﺭﺍﺪﺻﻹﺍ ﺦﻳﺭﺎﺗ", "date_of_expiry": "ﺔﻴﺣﻼﺼﻟﺍ ﺀﺎﻬﺘﻧﺍ ﺦﻳﺭﺎﺗ", "issuing_authority": "ﺔﻄﻠﺴﻟﺍ", "address": "ﻥﺍﻮﻨﻌﻟﺍ", "passport": "ﺮﻔﺳ ﺯﺍﻮﺟ",
	},
}

// say is a caption or title in a language, in English where the language's table has none.
func say(language int, key string) string {
	if language < languages {
		return captionOf[key][language]
	}
	if words := tongues[language][key]; words != "" {
		return words
	}
	return captionOf[key][english]
}
