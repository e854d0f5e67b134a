package mrz

import "strings"

// The classes of the line recogniser, which are the columns of its log probabilities: the blank of connectionist temporal
// classification, '0' to '9', 'A' to 'Z', and the filler.
const (
	ClassBlank  = 0
	ClassDigit  = 1
	ClassLetter = 11
	ClassFiller = 37
	Classes     = 38
)

// symbols is the number of classes without the blank. Inside the package a symbol is its index in alphabet: its class less one.
const symbols = Classes - 1

// ClassOf gives the class of a character of the alphabet, and false for any other.
func ClassOf(c byte) (int, bool) {
	i := strings.IndexByte(alphabet, c)
	return i + 1, i >= 0
}

// CharacterOf gives the character of a class from 1 to 37.
func CharacterOf(class int) byte { return alphabet[class-1] }

// Position says which characters a format has at one place. Doubtful ones occur in practice though the standard has no room for
// them, and cost a penalty in nats.
type Position struct {
	allowed  symbolSet
	doubtful symbolSet
	cost     float32
}

// The penalties are generous priors: what the standard does not have occurs once in 20 documents, and digits in names, which only
// the Russian internal passport has, once in 3000.
const (
	penaltyUnusual    = 3
	penaltyNamesDigit = 8
)

// symbolSet has bit i set for alphabet[i].
type symbolSet uint64

func setOf(characters string) symbolSet {
	var s symbolSet
	for i := range len(characters) {
		s |= 1 << strings.IndexByte(alphabet, characters[i])
	}
	return s
}

func (s symbolSet) has(symbol int) bool { return s>>symbol&1 == 1 }

// Allows says whether the character may stand there, doubtful or not.
func (p Position) Allows(c byte) bool {
	i := strings.IndexByte(alphabet, c)
	return i >= 0 && (p.allowed | p.doubtful).has(i)
}

func (p Position) penalty(symbol int) float32 {
	if p.allowed.has(symbol) {
		return 0
	}
	return p.cost
}

// Grammar gives the positions of every line of a format.
func Grammar(format Format) [][]Position {
	if licence := licenceGrammar(format); licence != nil {
		return licence
	}
	digits := setOf(alphabet[:10])
	filler := setOf("<")
	letters := setOf(alphabet[10:36])
	var (
		any       = Position{allowed: digits | letters | filler}
		letter    = Position{allowed: letters | filler}
		name      = Position{letters | filler, digits, penaltyNamesDigit}
		subtype   = Position{letters | filler, digits, penaltyUnusual} // some issuers number their document types ("A3")
		digit     = Position{allowed: digits}
		date      = Position{allowed: digits | filler}
		dateCheck = Position{digits, filler, penaltyUnusual} // an empty date
		sex       = Position{allowed: setOf("MFX<")}
	)
	first := func(usual string) Position {
		return Position{setOf(usual), letters &^ setOf("V") &^ setOf(usual), penaltyUnusual}
	}
	names := func(first Position, width int) []Position {
		return join([]Position{first, subtype}, times(letter, 3), times(name, width-5))
	}
	data := func(tail ...[]Position) []Position {
		head := join(times(any, 9), times(date, 1), times(letter, 3), times(date, 6), times(dateCheck, 1), times(sex, 1), times(date, 6), times(dateCheck, 1))
		return join(append([][]Position{head}, tail...)...)
	}
	switch format {
	case TD3:
		return [][]Position{names(first("P"), 44), data(times(any, 14), times(date, 1), times(digit, 1))}
	case MRVA:
		return [][]Position{names(literal("V")[0], 44), data(times(any, 16))}
	case TD2:
		return [][]Position{names(first("IACP"), 36), data(times(any, 7), times(digit, 1))}
	case MRVB:
		return [][]Position{names(literal("V")[0], 36), data(times(any, 8))}
	case TD1:
		return [][]Position{
			join([]Position{first("IAC"), subtype}, times(letter, 3), times(any, 9), times(date, 1), times(any, 15)),
			join(times(date, 6), times(dateCheck, 1), times(sex, 1), times(date, 6), times(dateCheck, 1), times(letter, 3), times(any, 11), times(digit, 1)),
			times(name, 30),
		}
	case FRAID:
		return [][]Position{
			join(literal("IDFRA"), times(letter, 25), times(any, 6)),
			join(times(any, 12), times(digit, 1), times(letter, 14), times(digit, 7), times(Position{allowed: setOf("MF")}, 1), times(digit, 1)),
		}
	}
	return nil
}

func join(parts ...[]Position) []Position {
	var line []Position
	for _, p := range parts {
		line = append(line, p...)
	}
	return line
}
