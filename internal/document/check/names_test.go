package check

import "testing"

func TestCompareNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		about          string
		printed, coded personName
		truncated      bool
		want           string // agrees, close, partial, differs, incomparable
	}{
		{"plain", personName{Surname: "Eriksson", Given: "Anna Maria"}, personName{Surname: "ERIKSSON", Given: "ANNA MARIA"}, false, "agrees"},
		{"umlaut as two letters", personName{Surname: "Müller-Lüdenscheidt", Given: "Jörg"}, personName{Surname: "MUELLER LUEDENSCHEIDT", Given: "JOERG"}, false, "agrees"},
		{"umlaut as one letter", personName{Surname: "Müller", Given: "Jörg"}, personName{Surname: "MULLER", Given: "JORG"}, false, "agrees"},
		{"umlaut as UXX", personName{Surname: "Müller", Given: "Ana"}, personName{Surname: "MUXXLLER", Given: "ANA"}, false, "agrees"},
		{"sharp s and slashed o", personName{Surname: "Weiß", Given: "Søren"}, personName{Surname: "WEISS", Given: "SOEREN"}, false, "agrees"},
		{"accents and apostrophe", personName{Surname: "N'Guessan", Given: "Aïcha Élodie"}, personName{Surname: "NGUESSAN", Given: "AICHA ELODIE"}, false, "agrees"},
		{"Vietnamese", personName{Surname: "Nguyễn", Given: "Thị Hương"}, personName{Surname: "NGUYEN", Given: "THI HUONG"}, false, "agrees"},
		{"Polish", personName{Surname: "Łukasiewicz", Given: "Święcisława"}, personName{Surname: "LUKASIEWICZ", Given: "SWIECISLAWA"}, false, "agrees"},
		{"Icelandic", personName{Surname: "Ævarsdóttir", Given: "Þuríður Ösp"}, personName{Surname: "AEVARSDOTTIR", Given: "THURIDUR OESP"}, false, "agrees"},
		{"Russian", personName{Surname: "Щербаков", Given: "Юрий"}, personName{Surname: "SHCHERBAKOV", Given: "IURII"}, false, "agrees"},
		{"Ukrainian", personName{Surname: "Ткаченко", Given: "Мар'яна"}, personName{Surname: "TKACHENKO", Given: "MARIANA"}, false, "agrees"},
		{"Greek", personName{Surname: "Παπαδάκης", Given: "Νίκη"}, personName{Surname: "PAPADAKIS", Given: "NIKI"}, false, "agrees"},
		{"marks written apart", personName{Surname: "Mu\u0308ller", Given: "Jo\u0308rg A\u030Ake"}, personName{Surname: "MUELLER", Given: "JOERG AAKE"}, false, "agrees"},
		{"Yoruba", personName{Surname: "Ṣóyínká", Given: "Ọlásùnkànmí Adébáyọ̀"}, personName{Surname: "SOYINKA", Given: "OLASUNKANMI ADEBAYO"}, false, "agrees"},
		{"Hausa", personName{Surname: "Ɗanjuma", Given: "Ƙasimu Ɓala"}, personName{Surname: "DANJUMA", Given: "KASIMU BALA"}, false, "agrees"},
		{"transliterated Arabic", personName{Surname: "Ḥaddād", Given: "Ṭāriq"}, personName{Surname: "HADDAD", Given: "TARIQ"}, false, "agrees"},
		{"letters that are apostrophes", personName{Surname: "Kahananui", Given: "Keʻala"}, personName{Surname: "KAHANANUI", Given: "KEALA"}, false, "agrees"},
		{"Ukrainian with a letter for the apostrophe", personName{Surname: "Згурська", Given: "Дарʼя"}, personName{Surname: "ZGHURSKA", Given: "DARIA"}, false, "agrees"},
		{"Bulgarian", personName{Surname: "Стойкова", Given: "София"}, personName{Surname: "STOYKOVA", Given: "SOFIA"}, false, "agrees"},
		{"Kazakh", personName{Surname: "Қасымов", Given: "Нұрлан Ғалымұлы"}, personName{Surname: "KASYMOV", Given: "NURLAN GALYMULY"}, false, "agrees"},
		{"Uzbek", personName{Surname: "Ўринов", Given: "Ҳасан"}, personName{Surname: "URINOV", Given: "KHASAN"}, false, "agrees"},
		{"cut off", personName{Surname: "Papandropoulous", Given: "Jonathon Warren Trevor"}, personName{Surname: "PAPANDROPOULOUS", Given: "JONATHON WARREN TR"}, true, "agrees"},
		{"cut off surname", personName{Surname: "Nilavadhanananda", Given: "Chayapa Dejthamrong Krasuang"}, personName{Surname: "NILAVADHANANANDA", Given: "CHAYAPA DEJTHAMRONG K"}, true, "agrees"},
		{"name at birth", personName{Surname: "Mustermann geb. Gabler", Given: "Erika"}, personName{Surname: "MUSTERMANN", Given: "ERIKA"}, false, "agrees"},
		{"full name, given names first", personName{Full: "Anna Maria Eriksson"}, personName{Surname: "ERIKSSON", Given: "ANNA MARIA"}, false, "agrees"},
		{"Latin beside Chinese", personName{Surname: "李 LI", Given: "小明 XIAOMING"}, personName{Surname: "LI", Given: "XIAOMING"}, false, "agrees"},
		{"one wrong letter", personName{Surname: "Eriksson", Given: "Anna Marla"}, personName{Surname: "ERIKSSON", Given: "ANNA MARIA"}, false, "close"},
		{"second given name left out", personName{Surname: "Eriksson", Given: "Anna Maria"}, personName{Surname: "ERIKSSON", Given: "ANNA"}, false, "partial"},
		{"two scripts with a stroke", personName{Surname: "ТКАЧЕНКО/TKACHENKO", Given: "МАР'ЯНА/MARIANA"}, personName{Surname: "TKACHENKO", Given: "MARIANA"}, false, "agrees"},
		{"whole name taken for the surname", personName{Surname: "ERIKSSON ANNA MARIA", Given: "ENTRIES"}, personName{Surname: "ERIKSSON", Given: "ANNA MARIA"}, false, "agrees"},
		{"surname only", personName{Surname: "BERTHIER"}, personName{Surname: "BERTHIER", Given: "CORINNE"}, false, "partial"},
		{"given names only", personName{Given: "CORINNE"}, personName{Surname: "BERTHIER", Given: "CORINNE"}, false, "partial"},
		{"another surname only", personName{Surname: "LEFEBVRE"}, personName{Surname: "BERTHIER", Given: "CORINNE"}, false, "differs"},
		{"another person", personName{Surname: "Smith", Given: "John"}, personName{Surname: "ERIKSSON", Given: "ANNA MARIA"}, false, "differs"},
		{"another given name", personName{Surname: "Eriksson", Given: "Peter"}, personName{Surname: "ERIKSSON", Given: "ANNA"}, false, "differs"},
		{"another surname cut off", personName{Surname: "Jones", Given: "Jonathon Warren Trevor"}, personName{Surname: "PAPANDROPOULOUS", Given: "JONATHON WARREN TR"}, true, "differs"},
		{"Chinese only", personName{Surname: "李", Given: "小明"}, personName{Surname: "LI", Given: "XIAOMING"}, false, "incomparable"},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			r := compareNames(test.printed, test.coded, test.truncated)
			got := "differs"
			switch {
			case !r.Comparable:
				got = "incomparable"
			case r.agrees():
				got = "agrees"
			case r.Partial:
				got = "partial"
			case r.close():
				got = "close"
			}
			if got != test.want {
				t.Errorf("got %s, want %s (%+v)", got, test.want, r)
			}
		})
	}
}

func TestPrintedIn(t *testing.T) {
	t.Parallel()
	coded := personName{Surname: "MUELLER", Given: "ANNA MARIA"}
	for _, test := range []struct {
		lines []string
		want  bool
	}{
		{[]string{"Name / Nom", "Müller", "Vornamen", "Anna Maria"}, true},
		{[]string{"1. MÜLLER", "2. ANNA MARIA 12.08.74"}, true},
		{[]string{"Müller", "Vornamen"}, false},
		{[]string{"Schmidt", "Anna Maria"}, false},
		{[]string{"MUELLER<<ANNA<MARIA<<<<<<<<<<<"}, false},
		{nil, false},
	} {
		if got := printedIn(test.lines, coded, false); got != test.want {
			t.Errorf("%q: %t, want %t", test.lines, got, test.want)
		}
	}
	twice := personName{Surname: "MARIA", Given: "MARIA ANNA"}
	if printedIn([]string{"SCHMIDT", "MARIA ANNA"}, twice, false) {
		t.Error("one word stands for the surname and for a given name")
	}
	if !printedIn([]string{"MARIA", "MARIA ANNA"}, twice, false) || !printedIn([]string{"MARIA MARIA ANNA"}, twice, false) {
		t.Error("a surname that is a given name, too, is not found")
	}
}
