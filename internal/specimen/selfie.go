package specimen

import (
	"math"

	"ekyc/internal/vision"
)

// Selfie cuts a face with its surroundings, upright, from a person's photograph number index, at the photograph's own resolution. It
// fails with ErrInvalidArgument where there is no such photograph.
func (g *Gallery) Selfie(person string, index int) (*vision.RGB, error) {
	a, err := g.appearance(person, index)
	if err != nil {
		return nil, err
	}
	return g.cut(a, selfieFaces, selfieAspect, int(math.Round(selfieFaces*a.Face))), nil
}

// Pair is a live photograph and a photograph of the front of a document of the same person.
type Pair struct {
	Selfie, Front []byte // JPEG
	Truth         Truth  // of Front
}

// twoPhotographs finds the person of whom there are two photographs: the document shows another than the selfie.
func (g *Gallery) twoPhotographs() (person string, selfie, portrait int) {
	for _, name := range g.People() {
		if g.Photographs(name) > 1 {
			return name, 0, 1
		}
	}
	return g.People()[0], 0, 0
}

// The upright frame of a twelve-megapixel selfie, and the quality telephones save with.
const (
	selfieWidth   = 3000 // by 4000
	selfieQuality = 90
)

// TwelveMegapixelPair makes two photographs of the size that telephones take, for measurements of time: the selfie is an enlargement
// with the grain of a sensor, the document is genuinely rendered at that size. photographs are given as to NewGallery.
func TwelveMegapixelPair(seed uint64, photographs map[string][]byte) (*Pair, error) {
	g, err := NewGallery(photographs)
	if err != nil {
		return nil, err
	}
	const grainSigma, difficulty = 3, 0.2
	person, live, printed := g.twoPhotographs()
	a, err := g.appearance(person, live)
	if err != nil {
		return nil, err
	}
	selfie := g.cut(a, selfieFaces, selfieAspect, selfieWidth)
	grain(selfie, grainSigma, seed)
	return g.pair(seed, person, printed, selfie, PhotoSpec{Seed: seed, Difficulty: difficulty})
}

// DemonstrationPair makes the photographs of the sample person: two different photographs of her, one of them printed in a passport
// of Utopia that is photographed on a table.
func (g *Gallery) DemonstrationPair(seed uint64) (*Pair, error) {
	person, live, printed := g.twoPhotographs()
	selfie, err := g.Selfie(person, live)
	if err != nil {
		return nil, err
	}
	level := 4.0 // degrees: a hand does not lay a document quite straight
	return g.pair(seed, person, printed, selfie, PhotoSpec{Seed: seed, Width: 2400, Height: 1800, Difficulty: 0.15, Turn: &level, Coverage: 0.8})
}

// pair photographs a passport with the person's portrait and encodes both.
func (g *Gallery) pair(seed uint64, person string, index int, selfie *vision.RGB, spec PhotoSpec) (*Pair, error) {
	portrait, err := g.Portrait(person, index)
	if err != nil {
		return nil, err
	}
	d, err := Generate(Spec{Kind: Passport, Issuer: "UTO", Seed: seed, Portrait: portrait})
	if err != nil {
		return nil, err
	}
	front, err := d.Photograph(0, spec)
	if err != nil {
		return nil, err
	}
	data, err := vision.EncodeJPEG(selfie, selfieQuality)
	if err != nil {
		return nil, err
	}
	return &Pair{data, front.Data, front.Truth}, nil
}
