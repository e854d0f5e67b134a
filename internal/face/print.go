package face

import (
	"math"
	"math/bits"
	"slices"

	"ekyc/internal/vision"
)

// Print is a perceptual hash of a face upright: the signs of its lowest frequencies against their median (Zauner,
// Implementation and Benchmarking of Perceptual Image Hash Functions, 2010). Copies of one picture have nearly the same one.
type Print uint64

const (
	printSide = 32  // pixels of the aligned face that is transformed
	printZoom = 1.0 // the face alone, so that a cut-out has it too
	printBits = 8   // frequencies to each direction
	// Copies that were compressed, scaled, cut, turned, darkened, sharpened, mirrored or made grey differ by at most so many bits and are at least so
	// similar: 230 of 230. Of 1,328 pairs of different photographs of one person (LFW and press) nine are as near, one of them a photograph that is there
	// twice; of pairs that a laboratory took within minutes (AT&T) one in four is. So it is a flag and no verdict.
	samePrint      = 12
	sameSimilarity = 0.975
)

// printOf takes the print of a face.
func printOf(p *vision.Pyramid, l *Landmarks) Print {
	grey := alignedView(p, l, printSide, printZoom).Gray()
	var along [printSide][printBits]float64 // rows transformed
	for y := range printSide {
		for u := range printBits {
			for x := range printSide {
				along[y][u] += float64(grey.Pix[y*printSide+x]) * cosine(x, u)
			}
		}
	}
	var coefficients [printBits * printBits]float64
	for v := range printBits {
		for u := range printBits {
			for y := range printSide {
				coefficients[v*printBits+u] += along[y][u] * cosine(y, v)
			}
		}
	}
	rest := slices.Sorted(slices.Values(coefficients[1:])) // the first is the brightness
	median := rest[len(rest)/2]
	var print Print
	for i, c := range coefficients {
		if i > 0 && c > median {
			print |= 1 << i
		}
	}
	return print
}

// cosine is the factor of a sample in the discrete cosine transform.
func cosine(at, frequency int) float64 {
	return math.Cos(math.Pi * (float64(at) + 0.5) * float64(frequency) / printSide)
}

// mirrored has the frequencies across that change their sign in a mirror: the odd ones.
const mirrored Print = 0xaaaaaaaaaaaaaaaa

// near says whether two prints are of one picture, or of one and its mirror image; no print, 0, is like none.
func (p Print) near(q Print) bool {
	near := func(r Print) bool { return bits.OnesCount64(uint64(r^q)) <= samePrint }
	return p != 0 && q != 0 && (near(p) || near(p^mirrored))
}

// Compared is the match with what the prints of the two pictures say.
func (m Match) Compared(p, q Print) Match {
	m.SamePicture = m.Match && m.Similarity >= sameSimilarity && p.near(q)
	return m
}
