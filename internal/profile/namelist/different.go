package namelist

import (
	"math/rand/v2"
	"strings"
)

// two makes pairs of the names of two people who share a language. b is claimed, a is printed.
func two(category string, givens int, pair func(r *rand.Rand, a, b person) (person, person, bool)) kind {
	return kind{category, false, func(r *rand.Rand, l language) (Name, Name, string, bool) {
		a, b := l.person(r, givens), l.person(r, givens)
		surname := a.surname
		a, b, ok := pair(r, a, b)
		if a.surname.printed != surname.printed {
			surname = a.surname
		}
		if alike(a.given, b.given) && a.surname.printed == b.surname.printed {
			return Name{}, Name{}, "", false
		}
		return anyForm(r, b), a.printed(), surname.printed, ok
	}}
}

func alike(a, b []entry) bool { return printedAll(a) == printedAll(b) }

// anyForm is a name as people may type it.
func anyForm(r *rand.Rand, p person) Name {
	n := p.written()
	switch r.IntN(5) {
	case 0:
		return Name{Full: n.Given + " " + n.Surname}
	case 1:
		return Name{Full: n.Surname + " " + n.Given}
	case 2:
		if p.name != "chinese" {
			return p.own()
		}
	case 3:
		if surname, ok := p.surname.other(r); ok {
			n.Surname = surname
		}
	}
	return n
}

// confusable is one of the pairs of names that are easily taken for one another.
func confusable(r *rand.Rand, all []entry) (a, b entry, ok bool) {
	if len(all) < 2 {
		return entry{}, entry{}, false
	}
	i := 2 * r.IntN(len(all)/2)
	if r.IntN(2) == 0 {
		return all[i], all[i+1], true
	}
	return all[i+1], all[i], true
}

var others = []kind{
	two("strangers", 2, func(_ *rand.Rand, a, b person) (person, person, bool) {
		return a, b, a.surname.printed != b.surname.printed && !alike(a.given, b.given)
	}),
	two("siblings", 1, func(_ *rand.Rand, a, b person) (person, person, bool) {
		b.surname = a.surname
		if b.female != a.female && a.names["surnames"] == nil { // a brother's surname bends otherwise
			for i, s := range a.surnames(a.female) {
				if s.printed == a.surname.printed {
					b.surname = a.surnames(b.female)[i]
				}
			}
		}
		return a, b, !alike(a.given, b.given)
	}),
	two("parent_and_child", 2, func(r *rand.Rand, a, b person) (person, person, bool) {
		b.female, b.surname = a.female, a.surname
		b.given = []entry{pick(r, a.givens(a.female), a.given...), a.given[r.IntN(2)]} // a name of the parent as the child's second
		return a, b, true
	}),
	two("same_given_names", 1, func(_ *rand.Rand, a, b person) (person, person, bool) {
		b.female, b.given = a.female, a.given
		return a, b, a.surname.printed != b.surname.printed && strings.TrimSuffix(a.surname.printed, "A") != strings.TrimSuffix(b.surname.printed, "A")
	}),
	two("two_same_given_names", 2, func(_ *rand.Rand, a, b person) (person, person, bool) {
		b.female, b.given = a.female, a.given
		return a, b, a.surname.printed != b.surname.printed && strings.TrimSuffix(a.surname.printed, "A") != strings.TrimSuffix(b.surname.printed, "A")
	}),
	two("near_surnames", 1, func(r *rand.Rand, a, b person) (person, person, bool) {
		var ok bool
		a.surname, b.surname, ok = confusable(r, a.names["alike"])
		b.given = a.given
		return a, b, ok
	}),
	two("near_given_names", 1, func(r *rand.Rand, a, b person) (person, person, bool) {
		x, y, ok := confusable(r, a.names["alike_given"])
		b.surname = a.surname
		a.given, b.given = []entry{x}, []entry{y}
		return a, b, ok
	}),
	two("near_own_script", 1, func(r *rand.Rand, a, b person) (person, person, bool) {
		x, y, ok := confusable(r, a.names["alike_given"])
		b.surname = a.surname
		a.given, b.given = []entry{x}, []entry{y}
		b.given[0].printed, b.surname.printed = b.given[0].own, b.surname.own // typed in the own script whatever the form
		return a, b, ok && !x.isRoman() && a.name != "chinese"
	}),
	two("crossed_words", 2, func(_ *rand.Rand, a, b person) (person, person, bool) {
		b.given = []entry{b.given[0], a.given[1]}
		if a.female != b.female || a.given[1].printed == b.given[0].printed || a.given[0].printed == b.given[0].printed {
			return a, b, false
		}
		return a, b, a.surname.printed != b.surname.printed
	}),
}
