package vision

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"sync"
)

// FingerprintBits is the length of a Fingerprint.
const FingerprintBits = 256

// Fingerprint tells pictures apart by their coarse pattern of light and dark: the signs of the 256 lowest frequencies of the luminance, as the
// perceptual hashes do that are known as pHash with 64. Files of one and the same picture differ in few bits, whatever their compression, size
// and brightness; other pictures differ in many. It is no template of a face: two photographs of one person are other pictures.
type Fingerprint [FingerprintBits / 8]byte

const (
	// fingerprintSide is that of the square to which a picture is brought: its lowest frequencies are the picture's own, whatever its size.
	fingerprintSide = 64
	// fingerprintReach is one more than the highest frequency along either axis.
	fingerprintReach = 23
	// leastDetail is the mean size of the waves, in levels of 255, under which a picture has no pattern to be known by: a wall, a covered lens.
	leastDetail = 0.25
)

// wave is one frequency: half cycles over the width, and over the height.
type wave struct{ x, y int }

// waves are the frequencies of a fingerprint, the lowest first, without the mean brightness.
var waves = sync.OnceValue(func() []wave {
	var all []wave
	for reach := 1; len(all) < FingerprintBits; reach++ { // along diagonals
		for x := 0; x <= reach && len(all) < FingerprintBits; x++ {
			all = append(all, wave{x, reach - x})
		}
	}
	return all
})

// cosines are those of the transform (DCT-II), by frequency and place.
var cosines = sync.OnceValue(func() *[fingerprintReach][fingerprintSide]float64 {
	var table [fingerprintReach][fingerprintSide]float64
	for f := range table {
		for i := range table[f] {
			table[f][i] = math.Cos(math.Pi * float64(f) * (float64(i) + 0.5) / fingerprintSide)
		}
	}
	return &table
})

// Fingerprint gives the picture's fingerprint; nil for one without enough detail to have one.
func (p *Pyramid) Fingerprint() *Fingerprint {
	small, _ := p.Fit(4 * fingerprintSide)
	gray := small.Gray().Resize(fingerprintSide, fingerprintSide)
	table := cosines()
	var columns [fingerprintReach][fingerprintSide]float64 // transformed along x, by frequency and row
	for f := range columns {
		for y := range fingerprintSide {
			sum := 0.0
			for x, light := range gray.Pix[y*fingerprintSide : (y+1)*fingerprintSide] {
				sum += float64(light) * table[f][x]
			}
			columns[f][y] = sum
		}
	}
	out, detail := &Fingerprint{}, 0.0
	for i, w := range waves() {
		sum := 0.0
		for y := range fingerprintSide {
			sum += columns[w.x][y] * table[w.y][y]
		}
		detail += math.Abs(sum)
		if sum > 0 {
			out[i/8] |= 1 << (i % 8)
		}
	}
	if detail/FingerprintBits < leastDetail*fingerprintSide*fingerprintSide/4 { // a wave of size 1 gives a quarter of the pixels
		return nil
	}
	return out
}

// Distance is the number of bits that differ.
func (f Fingerprint) Distance(other Fingerprint) int {
	n := 0
	for i := range f {
		n += bits.OnesCount8(f[i] ^ other[i])
	}
	return n
}

// MarshalText writes hexadecimal digits.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(f[:])), nil }

// UnmarshalText reads what MarshalText writes.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(f) {
		return fmt.Errorf("%q is no fingerprint", text)
	}
	copy(f[:], b)
	return nil
}
