package specimen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Person is an invented holder.
type Person struct {
	Surname      string    `json:"surname"`
	GivenNames   string    `json:"given_names"`
	Sex          string    `json:"sex"` // "M", "F" or "X"
	Born         time.Time `json:"-"`
	PlaceOfBirth string    `json:"place_of_birth"`
	Nationality  string    `json:"nationality"` // as ICAO prints it
	Address      string    `json:"address"`
	HeightCM     int       `json:"height_cm"`

	nationalSurname, nationalGiven string // in the script of the issuer where that is not Latin
}

// FullName is given names and surname as written.
func (p Person) FullName() string { return p.GivenNames + " " + p.Surname }

// Ages of holders in years at the reference date.
const (
	youngest = 19
	oldest   = 72
)

// invent makes up a holder of the issuer's nationality. sex "" lets the seed choose.
func invent(r *rand.Rand, from *issuer, sex string, at time.Time) Person {
	p := Person{Sex: sex, Nationality: from.code, HeightCM: 155 + r.IntN(40)}
	if p.Sex == "" {
		p.Sex = pick(r, []string{"F", "M"})
	}
	given := from.women
	if p.Sex == "M" || p.Sex == "X" && r.IntN(2) == 0 {
		given = from.men
	}
	p.Surname = pick(r, from.surnames)
	first := r.IntN(len(given))
	p.GivenNames = given[first]
	if r.IntN(3) > 0 && from.language != chinese && from.language != chineseTraditional {
		second := (first + 1 + r.IntN(len(given)-1)) % len(given)
		p.GivenNames += " " + given[second]
	}
	days := youngest*365 + r.IntN((oldest-youngest)*365)
	p.Born = at.AddDate(0, 0, -days)
	p.PlaceOfBirth = from.inLatin(pick(r, from.towns))
	p.Address = fmt.Sprintf("%s %d, %s %s", pick(r, from.streets), 1+r.IntN(140), postcode(r, from), pick(r, from.towns))
	if from.latin != nil {
		p.nationalSurname, p.nationalGiven = p.Surname, p.GivenNames
		p.Surname, p.GivenNames = from.inLatin(p.Surname), from.inLatin(p.GivenNames)
	}
	return p
}

// inLatin writes words of the issuer's script in Latin letters.
func (i *issuer) inLatin(s string) string {
	if i.latin == nil {
		return s
	}
	if whole := i.latin[s]; whole != "" {
		return whole
	}
	words := strings.Fields(s)
	for k, w := range words {
		if latin := i.latin[w]; latin != "" {
			words[k] = latin
		}
	}
	return strings.Join(words, " ")
}

func postcode(r *rand.Rand, from *issuer) string { return pattern(r, from.postcode) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// serialLetters leaves out what is easily taken for a digit, as issuers do.
const serialLetters = "ABCDEFGHJKLMNPRTUVWXYZ"

// pattern fills A with a letter, 9 with a digit, # with either; everything else stands for itself.
func pattern(r *rand.Rand, shape string) string {
	var b strings.Builder
	for _, s := range shape {
		switch s {
		case 'A':
			b.WriteByte(serialLetters[r.IntN(len(serialLetters))])
		case '9':
			b.WriteByte(byte('0' + r.IntN(10)))
		case '#':
			if i := r.IntN(len(serialLetters) + 10); i < 10 {
				b.WriteByte(byte('0' + i))
			} else {
				b.WriteByte(serialLetters[i-10])
			}
		default:
			b.WriteRune(s)
		}
	}
	return b.String()
}
