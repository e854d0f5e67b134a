package decision

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Points are hundredths of a point of the score: 100 points are 10000. JSON gives them as a decimal number with at most two digits.
type Points int64

// Share is a value of 0 to 1 in millionths. JSON gives it as a decimal number with at most six digits.
type Share int64

const (
	pointDigits = 2
	shareDigits = 6

	onePoint  Points = 100
	fullScore Points = 100 * onePoint

	// FullShare is 1.
	FullShare Share = 1_000_000
)

// String gives the decimal number, "79.99".
func (p Points) String() string { return decimal(int64(p), pointDigits) }

// MarshalJSON gives a decimal number.
func (p Points) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads a decimal number of at most two digits after the point.
func (p *Points) UnmarshalJSON(data []byte) error {
	n, err := parseDecimal(string(data), pointDigits)
	*p = Points(n)
	return err
}

// String gives the decimal number, "0.6234".
func (s Share) String() string { return decimal(int64(s), shareDigits) }

// MarshalJSON gives a decimal number.
func (s Share) MarshalJSON() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalJSON reads a decimal number of at most six digits after the point.
func (s *Share) UnmarshalJSON(data []byte) error {
	n, err := parseDecimal(string(data), shareDigits)
	*s = Share(n)
	return err
}

// ShareOf rounds a measured value to millionths, below which no measurement of the program means anything.
func ShareOf(value float64) Share { return Share(math.Round(value * float64(FullShare))) }

func (s Share) float() float64 { return float64(s) / float64(FullShare) }

func decimal(n int64, digits int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%0*d", digits+1, n)
	whole, fraction := text[:len(text)-digits], strings.TrimRight(text[len(text)-digits:], "0")
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}

// parseDecimal reads plain decimals only: an exponent in a policy is a mistake more often than a wish.
func parseDecimal(text string, digits int) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > digits || len(whole) > 12 {
		return 0, fmt.Errorf("%q is not a number with at most %d digits after the point", text, digits)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number with at most %d digits after the point", text, digits)
	}
	return n, nil
}

// apportion splits total into whole parts in proportion to the weights; they add up to total exactly. What is left after
// rounding down goes, one each, to the largest remainders, the first of equals first (Hamilton's method). Weights that are all
// 0 give parts that are all 0.
func apportion(total int64, weights []int64) []int64 {
	parts := make([]int64, len(weights))
	var sum int64
	for _, w := range weights {
		sum += w
	}
	if sum == 0 {
		return parts
	}
	remainders := make([]int64, len(weights))
	left := total
	for i, w := range weights {
		parts[i], remainders[i] = total*w/sum, total*w%sum
		left -= parts[i]
	}
	handOut(parts, remainders, left)
	return parts
}

// handOut gives one each to the largest remainders, the first of equals first.
func handOut(parts, remainders []int64, left int64) {
	for ; left > 0; left-- {
		best := 0
		for i := range remainders {
			if remainders[i] > remainders[best] {
				best = i
			}
		}
		parts[best]++
		remainders[best] = -1
	}
}
