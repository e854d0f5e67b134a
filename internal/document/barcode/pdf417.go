package barcode

import (
	"math/big"
	"strings"

	"ekyc"
	"ekyc/internal/vision"
)

// Matrix is an encoded PDF417 symbol: one row of modules per row of the symbol, true for dark, start and stop pattern included.
type Matrix struct {
	Modules [][]bool
}

// PDF417's limits and patterns (ISO/IEC 15438 sections 4 and 5).
const (
	maxColumns   = 30
	maxRows      = 90
	minRows      = 3
	maxCodewords = 928
	padding      = 900
	startPattern = 0x1fea8 // 17 modules
	stopPattern  = 0x3fa29 // 18 modules
	rowHeight    = 3       // modules; the standard's least
	quietZone    = 4       // modules; twice the standard's least
)

// EncodePDF417 encodes bytes with the given number of data columns, 1 to 30, or 0 for a symbol about four times as wide as high, as
// licences have it. It fails with ErrInvalidArgument when the payload does not fit.
func EncodePDF417(payload []byte, columns int) (*Matrix, error) {
	data := compact(payload)
	level := correctionLevel(len(data))
	corrections := 2 << level
	if columns == 0 {
		columns = licenceColumns(1 + len(data) + corrections)
	}
	if columns < 1 || columns > maxColumns {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "a PDF417 symbol has 1 to %d columns", maxColumns)
	}
	rows := max(minRows, (1+len(data)+corrections+columns-1)/columns)
	if rows > maxRows || rows*columns > maxCodewords {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the content is too long for a PDF417 symbol of %d columns", columns).With("codewords", len(data))
	}
	words := append([]int{rows*columns - corrections}, data...)
	for len(words) < words[0] {
		words = append(words, padding)
	}
	words = append(words, correction(words, corrections)...)
	m := &Matrix{}
	for row := range rows {
		m.Modules = append(m.Modules, modulesOf(row, rows, columns, level, words[row*columns:(row+1)*columns]))
	}
	return m, nil
}

// correctionLevel is the level that the standard recommends for a number of data codewords, one more than its least.
func correctionLevel(words int) int {
	switch {
	case words <= 40:
		return 3
	case words <= 160:
		return 4
	}
	return 5
}

// licenceAspect is width beside height of the symbols on licences.
const licenceAspect = 4

// licenceColumns finds the number of columns whose aspect is nearest to that of licences.
func licenceColumns(words int) int {
	for columns := 1; columns < maxColumns; columns++ {
		rows := max(minRows, (words+columns-1)/columns)
		if rows <= maxRows && 17*(columns+4)+1 >= licenceAspect*rows*rowHeight {
			return columns
		}
	}
	return maxColumns
}

// modulesOf draws one row: start, left indicator, data, right indicator, stop.
func modulesOf(row, rows, columns, level int, words []int) []bool {
	base := 30 * (row / 3)
	values := [3]int{(rows - 1) / 3, 3*level + (rows-1)%3, columns - 1}
	left, right := base+values[row%3], base+values[(row+2)%3]
	var modules []bool
	put := func(bits uint32, n int) {
		for i := n - 1; i >= 0; i-- {
			modules = append(modules, bits>>i&1 == 1)
		}
	}
	put(startPattern, 17)
	put(pattern(row, left), 17)
	for _, w := range words {
		put(pattern(row, w), 17)
	}
	put(pattern(row, right), 17)
	put(stopPattern, 18)
	return modules
}

// prime is the size of the field in which the error correction is computed, and 3 generates it.
const prime, generator = 929, 3

// correction computes count error correction codewords: the remainder of the data by the generator polynomial, negated.
func correction(data []int, count int) []int {
	polynomial := make([]int, count+1) // by rising power
	polynomial[0] = 1
	root := 1
	for degree := range count {
		root = root * generator % prime
		for i := degree + 1; i >= 0; i-- {
			below := 0
			if i > 0 {
				below = polynomial[i-1]
			}
			polynomial[i] = (below + (prime-root)*polynomial[i]) % prime
		}
	}
	remainder := make([]int, count)
	for _, word := range data {
		top := (word + remainder[count-1]) % prime
		for i := count - 1; i >= 0; i-- {
			below := 0
			if i > 0 {
				below = remainder[i-1]
			}
			remainder[i] = (below + (prime-top)*polynomial[i]) % prime
		}
	}
	words := make([]int, count)
	for i, r := range remainder {
		words[count-1-i] = (prime - r) % prime
	}
	return words
}

// Gray draws the symbol with a quiet zone, module pixels a module.
func (m *Matrix) Gray(module int) *vision.Gray {
	width := (len(m.Modules[0]) + 2*quietZone) * module
	height := (len(m.Modules)*rowHeight + 2*quietZone) * module
	g := vision.NewGray(width, height)
	for i := range g.Pix {
		g.Pix[i] = paper
	}
	for row, modules := range m.Modules {
		for column, dark := range modules {
			if !dark {
				continue
			}
			for y := (row*rowHeight + quietZone) * module; y < ((row+1)*rowHeight+quietZone)*module; y++ {
				from := y*width + (column+quietZone)*module
				clear(g.Pix[from : from+module])
			}
		}
	}
	return g
}

// The codewords that change the compaction (ISO/IEC 15438 section 5.4).
const (
	latchText    = 900
	latchNumbers = 902
	shiftByte    = 913
)

// minNumbers is the run of digits from which numeric compaction is shorter.
const minNumbers = 13

// compact turns bytes into codewords: text, runs of digits as numbers, and single other bytes by a shift.
func compact(payload []byte) []int {
	var words []int
	text := newTextCompaction()
	for i := 0; i < len(payload); {
		if n := digitRun(payload[i:]); n >= minNumbers {
			words = append(words, text.flush()...)
			words = append(words, latchNumbers)
			words = append(words, numbers(string(payload[i:i+n]))...)
			words = append(words, latchText)
			text = newTextCompaction()
			i += n
			continue
		}
		if !text.add(payload[i]) {
			words = append(words, text.flush()...)
			words = append(words, shiftByte, int(payload[i]))
		}
		i++
	}
	return append(words, text.flush()...)
}

func digitRun(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// numbers compacts digits: groups of 44, each with a 1 before it, as numbers of base 900.
func numbers(digits string) []int {
	var words []int
	for len(digits) > 0 {
		n := min(44, len(digits))
		value, _ := new(big.Int).SetString("1"+digits[:n], 10)
		var group []int
		base, rest := big.NewInt(900), new(big.Int)
		for value.Sign() > 0 {
			value.DivMod(value, base, rest)
			group = append([]int{int(rest.Int64())}, group...)
		}
		words = append(words, group...)
		digits = digits[n:]
	}
	return words
}

// The sub-modes of text compaction and the characters of each by value (section 5.4.2). A byte 0 holds the place of a switch.
const (
	upper = iota
	lower
	mixed
	punctuation
)

var textModes = [4]string{
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ \x00\x00\x00",
	"abcdefghijklmnopqrstuvwxyz \x00\x00\x00",
	"0123456789&\r\t,:#-.$/+%*=^\x00 \x00\x00\x00",
	";<>@[\\]_`~!\r\t,:\n-.$/\"|*()?{}'\x00",
}

// Switches: by sub-mode, the values that latch to another. Punctuation is reached for one character by shiftPunctuation.
const shiftPunctuation = 29

type textCompaction struct {
	mode   int
	values []int
}

func newTextCompaction() *textCompaction { return &textCompaction{mode: upper} }

// add appends a character, and says false for one that text compaction does not have.
func (t *textCompaction) add(c byte) bool {
	if c == 0 {
		return false
	}
	if at := strings.IndexByte(textModes[t.mode], c); at >= 0 {
		t.values = append(t.values, at)
		return true
	}
	for _, mode := range []int{upper, lower, mixed} {
		if at := strings.IndexByte(textModes[mode], c); at >= 0 {
			t.values = append(t.values, latches(t.mode, mode)...)
			t.values = append(t.values, at)
			t.mode = mode
			return true
		}
	}
	if at := strings.IndexByte(textModes[punctuation], c); at >= 0 {
		t.values = append(t.values, shiftPunctuation, at)
		return true
	}
	return false
}

// latches gives the values that lead from one sub-mode to another.
func latches(from, to int) []int {
	const toLower, toMixedOrUpper = 27, 28
	switch {
	case to == lower: // from upper or mixed
		return []int{toLower}
	case to == mixed, from == mixed: // to mixed, or from mixed to upper
		return []int{toMixedOrUpper}
	}
	return []int{toMixedOrUpper, toMixedOrUpper} // from lower over mixed to upper
}

// flush gives the codewords of what was added, two values each. The sub-mode stays.
func (t *textCompaction) flush() []int {
	if len(t.values)%2 == 1 {
		t.values = append(t.values, shiftPunctuation)
	}
	var words []int
	for i := 0; i < len(t.values); i += 2 {
		words = append(words, 30*t.values[i]+t.values[i+1])
	}
	t.values = nil
	return words
}
