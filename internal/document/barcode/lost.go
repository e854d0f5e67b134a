package barcode

import (
	"math"

	"ekyc/internal/vision"
)

// The library finds a PDF417 symbol by its start pattern. Where that is cut off at the left edge of the picture, or hidden, all
// data can still be there. withStart finds the stop pattern instead and draws the start pattern where it belongs. It serves upright
// symbols, as a scanner or a crop of the rectified card gives them.

// stopWidths are the widths in modules of the bars and spaces of the stop pattern.
var stopWidths = [...]int{7, 1, 1, 3, 1, 1, 1, 2, 1}

const (
	codewordModules = 17
	stopModules     = 18
	// widthTolerance in modules: how far a bar's width may be off.
	widthTolerance = 0.6
	// minStopRows is the share of sampled rows in which the stop pattern must stand in one place.
	minStopRows = 0.5
	sampledRows = 40
)

// withStart gives the image with a start pattern drawn, for each place where it may have been: one column left of the edge (the
// column of row indicators is lost too; the other one at the right serves), the first whole column, and the second.
func withStart(m *vision.Gray) []*vision.Gray {
	left, module, ok := findStop(m)
	if !ok {
		return nil
	}
	column := codewordModules * module
	var drawn []*vision.Gray
	whole := int(left/column + 0.2)
	for columns := whole + 1; columns >= max(minColumns, whole-1); columns-- {
		start := left - float64(columns)*column
		image := drawStart(m, start, module)
		if start < 0 {
			drawIndicators(image, m, left-column, module)
		}
		drawn = append(drawn, image)
	}
	return drawn
}

// indicator is what a row indicator says: the row of the symbol, and in its tail one of three facts about the symbol, by the row.
type indicator struct {
	row  int
	tail int
}

// drawIndicators draws the left row indicators into an image of drawStart by what the right ones say, whose left edge in m is
// at right: they have the same three facts, one row earlier in turn (ISO/IEC 15438 section 5.11).
func drawIndicators(image, m *vision.Gray, right, module float64) {
	codewords := map[uint32]indicator{}
	for cluster := range 3 {
		for word := range prime {
			codewords[pattern(cluster, word)] = indicator{3*(word/30) + cluster, word % 30}
		}
	}
	rows := make([]indicator, m.Height)
	known := make([]bool, m.Height)
	var votes [3][30]int
	for y := range rows {
		var bits uint32
		for k := range codewordModules {
			x := int(right + (float64(k)+0.5)*module)
			bits = bits<<1 | uint32(m.Pix[y*m.Width+min(x, m.Width-1)]>>7^1)
		}
		if rows[y], known[y] = codewords[bits]; known[y] {
			votes[rows[y].row%3][rows[y].tail]++
		}
	}
	margin := (image.Height - m.Height) / 2
	from := (quietZone + codewordModules) * module
	for y := range rows {
		if !known[y] {
			continue
		}
		tail := mostVoted(votes[(rows[y].row+1)%3])
		drawPattern(image.Pix[(y+margin)*image.Width:], pattern(rows[y].row, 30*(rows[y].row/3)+tail), from, module)
	}
}

func mostVoted(votes [30]int) int {
	best := 0
	for i, n := range votes {
		if n > votes[best] {
			best = i
		}
	}
	return best
}

// drawPattern draws the dark modules of a codeword into a row of pixels.
func drawPattern(row []byte, bits uint32, x, module float64) {
	for k := range codewordModules {
		if bits>>(codewordModules-1-k)&1 == 1 {
			clear(row[int(math.Round(x+float64(k)*module)):int(math.Round(x+float64(k+1)*module))])
		}
	}
}

// minColumns are two of row indicators and one of data.
const minColumns = 3

// findStop looks for the stop pattern: its left edge and the module's width in pixels, by the rows' median.
func findStop(m *vision.Gray) (left, module float64, ok bool) {
	type found struct{ left, module float64 }
	var all []found
	rows := min(sampledRows, m.Height)
	for i := range rows {
		y := (2*i + 1) * m.Height / (2 * rows)
		if l, w, has := stopIn(m.Pix[y*m.Width : (y+1)*m.Width]); has {
			all = append(all, found{l, w})
		}
	}
	for _, candidate := range all {
		agreeing, l, w := 0, 0.0, 0.0
		for _, other := range all {
			if math.Abs(other.left-candidate.left) <= candidate.module {
				agreeing++
				l += other.left
				w += other.module
			}
		}
		if n := float64(agreeing); n >= minStopRows*float64(rows) {
			return l / n, w / n, true
		}
	}
	return 0, 0, false
}

// stopIn finds the stop pattern in one row of pixels.
func stopIn(row []byte) (left, module float64, ok bool) {
	darkest, brightest := row[0], row[0]
	for _, v := range row {
		darkest, brightest = min(darkest, v), max(brightest, v)
	}
	if int(brightest)-int(darkest) < 64 { // no contrast
		return 0, 0, false
	}
	threshold := byte((int(darkest) + int(brightest)) / 2)
	var edges []int // where the runs begin, the first of them dark
	dark := false
	for x, v := range row {
		if (v < threshold) != dark {
			dark = !dark
			edges = append(edges, x)
		}
	}
	edges = append(edges, len(row))
	for i := 0; i+len(stopWidths) < len(edges); i += 2 {
		width := float64(edges[i+len(stopWidths)]-edges[i]) / stopModules
		if matches(edges[i:], width) {
			return float64(edges[i]), width, true
		}
	}
	return 0, 0, false
}

func matches(edges []int, module float64) bool {
	for k, modules := range stopWidths {
		if math.Abs(float64(edges[k+1]-edges[k])/module-float64(modules)) > widthTolerance {
			return false
		}
	}
	return module >= 1
}

// drawStart gives the image from x = left on, which may lie outside, with a quiet zone and a start pattern before it.
func drawStart(m *vision.Gray, left, module float64) *vision.Gray {
	from := max(0, int(math.Round(left)))
	before := int(math.Round((codewordModules+quietZone)*module + max(0, -left)))
	margin := int(quietZone * module)
	out := vision.NewGray(before+m.Width-from+margin, m.Height+2*margin)
	for i := range out.Pix {
		out.Pix[i] = paper
	}
	for y := range m.Height {
		row := out.Pix[(y+margin)*out.Width:]
		drawPattern(row, startPattern, quietZone*module, module)
		copy(row[before:], m.Pix[y*m.Width+from:(y+1)*m.Width])
	}
	return out
}
