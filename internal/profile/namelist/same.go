package namelist

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// kind is a category of pairs and how one is made: what is claimed, what is printed, and the surname by which the list is halved.
type kind struct {
	category string
	same     bool
	make     func(*rand.Rand, language) (claimed, printed Name, surname string, ok bool)
}

// one makes pairs of one person's names from a person with so many given names.
func one(category string, givens int, pair func(*rand.Rand, person) (claimed, printed Name, ok bool)) kind {
	return kind{category, true, func(r *rand.Rand, l language) (Name, Name, string, bool) {
		p := l.person(r, givens)
		claimed, printed, ok := pair(r, p)
		return claimed, printed, p.surname.printed, ok
	}}
}

var kinds = append([]kind{
	one("order", 2, func(r *rand.Rand, p person) (Name, Name, bool) {
		n := p.written()
		switch r.IntN(3) {
		case 0:
			return Name{Full: n.Surname + " " + n.Given}, p.printed(), true
		case 1:
			return Name{Full: n.Given + " " + n.Surname}, Name{Full: p.surname.printed + " " + printedAll(p.given)}, true
		}
		return Name{Given: n.Surname, Surname: n.Given}, p.printed(), true
	}),
	one("diacritics", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		if n := p.own(); r.IntN(2) == 0 {
			return n, p.printed(), p.surname.isRoman() && strings.ToUpper(n.text()) != p.printed().text()
		}
		n := p.own()
		plain := Name{Given: titled(unmarked(n.Given)), Surname: titled(unmarked(n.Surname))}
		return plain, p.printed(), p.surname.isRoman() && strings.ToUpper(n.text()) != p.printed().text()
	}),
	one("own_script", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		return p.own(), p.printed(), !p.surname.isRoman() && p.name != "chinese"
	}),
	one("transliteration", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		surname, ok := p.surname.other(r)
		given, both := p.given[0].other(r)
		if !both {
			given = titled(p.given[0].printed)
		}
		if !ok {
			surname = titled(p.surname.printed)
		}
		return Name{Given: given, Surname: surname}, p.printed(), (ok || both) && !p.surname.isRoman()
	}),
	one("own_script_other_transliteration", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		surname, ok := p.surname.other(r)
		if !ok {
			surname = p.surname.printed
		}
		return p.own(), Name{Given: p.given[0].printed, Surname: strings.ToUpper(surname)}, ok && !p.surname.isRoman() && p.name != "chinese"
	}),
	one("patronymic", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		from := p.names["patronyms_m"]
		if p.female {
			from = p.names["patronyms_f"]
		}
		if from == nil {
			return Name{}, Name{}, false
		}
		father := pick(r, from)
		if r.IntN(2) == 0 {
			return Name{Full: p.surname.own + " " + p.given[0].own + " " + father.own}, p.printed(), true
		}
		return p.written(), Name{Given: p.given[0].printed + " " + father.printed, Surname: p.surname.printed}, true
	}),
	one("birth_name", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		mark := map[string]string{"german": "GEB", "french": "EPOUSE", "english": "NEE", "dutch": "GEB", "nordic": "BORN"}[p.name]
		n := p.printed()
		n.Surname += " " + mark + " " + p.secondSurname.printed
		claimed := p.written()
		if r.IntN(2) == 0 {
			claimed.Surname = p.secondSurname.own
		}
		return claimed, n, mark != ""
	}),
	one("double_surname", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		n := p.printed()
		joint := []string{" ", "-"}[r.IntN(2)]
		if r.IntN(2) == 0 {
			n.Surname += joint + p.secondSurname.printed
			return p.written(), n, p.surname.isRoman()
		}
		claimed := p.written()
		claimed.Surname += joint + p.secondSurname.own
		return claimed, n, p.surname.isRoman()
	}),
	one("cut_off", 2, func(r *rand.Rand, p person) (Name, Name, bool) {
		width := []int{30, 31, 39}[r.IntN(3)] // name fields of TD1, TD2 and TD3
		third := pick(r, p.givens(p.female), p.given...)
		p.given = append(p.given, third)
		surname := p.surname.printed
		claimed := p.written()
		if r.IntN(2) == 0 {
			surname += " " + p.secondSurname.printed
			claimed.Surname += " " + p.secondSurname.own
		}
		given := printedAll(p.given)
		room := width - len(surname) - 2
		if !p.surname.isRoman() || room < 4 || len(given) <= room {
			return Name{}, Name{}, false
		}
		return claimed, Name{Given: strings.TrimSpace(given[:room]), Surname: surname}, true
	}),
	one("initials", 2, func(r *rand.Rand, p person) (Name, Name, bool) {
		n := p.written()
		words := strings.Fields(n.Given)
		if !p.surname.isRoman() || len(words) < 2 {
			return n, n, false
		}
		short := func(s string) string {
			_, size := utf8.DecodeRuneInString(s)
			return s[:size] + "."
		}
		switch r.IntN(3) {
		case 0:
			n.Given = words[0] + " " + short(words[1])
		case 1:
			n.Given = short(words[0]) + " " + short(words[1])
		default:
			n = Name{Full: short(words[0]) + " " + words[1] + " " + n.Surname}
		}
		return n, p.printed(), true
	}),
	one("middle_name_left_out", 2, func(r *rand.Rand, p person) (Name, Name, bool) {
		n := p.written()
		if p.name == "vietnamese" {
			return n, n, false
		}
		n.Given = strings.TrimSpace(strings.TrimSuffix(n.Given, p.given[1].own))
		if !p.surname.isRoman() {
			n.Given = titled(p.given[0].printed)
		}
		return n, p.printed(), true
	}),
	one("particles", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		particles := map[string][]string{
			"dutch": p.words["particles"], "german": {"von", "von der", "zu"}, "spanish": {"de", "de la", "del"}, "portuguese": {"da", "dos", "de"},
			"italian": {"di", "della", "de"}, "french": {"de", "du", "de la"},
		}[p.name]
		if particles == nil {
			return Name{}, Name{}, false
		}
		particle := particles[r.IntN(len(particles))]
		n, printed := p.written(), p.printed()
		printed.Surname = strings.ToUpper(particle) + " " + printed.Surname
		switch r.IntN(3) {
		case 0:
			n.Surname = strings.ReplaceAll(titled(particle), " ", "") + strings.ToLower(n.Surname)
		case 1:
			n.Given += " " + particle
		}
		return n, printed, true
	}),
	one("hyphens", 2, func(r *rand.Rand, p person) (Name, Name, bool) {
		n, printed := p.written(), p.printed()
		if !p.surname.isRoman() || p.name == "vietnamese" {
			return n, n, false
		}
		n.Given = p.given[0].own + "-" + p.given[1].own
		switch r.IntN(3) {
		case 0:
			printed.Given = strings.ReplaceAll(printed.Given, " ", "<")
		case 1:
			printed.Given = strings.ReplaceAll(printed.Given, " ", "")
		default:
			n.Given = p.given[0].own + strings.ToLower(p.given[1].own)
		}
		return n, printed, true
	}),
	one("titles", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		title := []string{"Dr. ", "Prof. Dr. ", "Mr ", "Mrs. ", "Ing. ", "Sir "}[r.IntN(6)]
		n := p.written()
		if r.IntN(3) == 0 {
			return n, Name{Given: p.given[0].printed, Surname: p.surname.printed + " JR"}, !p.female
		}
		return Name{Full: title + n.Given + " " + n.Surname}, p.printed(), true
	}),
	one("fault_of_reading", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		printed := p.printed()
		part := &printed.Surname
		if r.IntN(2) == 0 {
			part = &printed.Given
		}
		word, ok := slipped(r, *part)
		*part = word
		return p.written(), printed, ok
	}),
	one("syllables", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		given, ok := p.given[0].other(r)
		n := Name{Full: titled(p.surname.printed) + " " + given}
		if r.IntN(2) == 0 {
			n = Name{Given: given, Surname: titled(p.surname.printed)}
		}
		return n, p.printed(), ok && p.name == "chinese"
	}),
	one("chain", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		if p.name != "arabic" {
			return Name{}, Name{}, false
		}
		father := pick(r, p.names["men"], p.given...)
		link := map[bool]string{true: " bint ", false: " bin "}[p.female]
		n := Name{Full: titled(p.given[0].printed) + link + titled(father.printed) + " " + titled(p.surname.printed)}
		printed := Name{Given: p.given[0].printed + " " + father.printed, Surname: p.surname.printed}
		if r.IntN(2) == 0 {
			printed.Given = p.given[0].printed
		}
		return n, printed, true
	}),
	one("one_name", 1, func(r *rand.Rand, p person) (Name, Name, bool) {
		return Name{Full: p.given[0].own}, Name{Surname: p.given[0].printed}, p.given[0].isRoman()
	}),
}, others...)
