// Package facetest makes pictures with known faults out of the photographs that the lock pins, for tests: what each quality code and each
// refusal of a picture answers to. Everything is drawn over real faces or made of them; nothing is added to the repository.
package facetest

import (
	"context"
	"fmt"

	"ekyc/internal/face"
	"ekyc/internal/vision"
)

// Person is one of the people on the pinned photographs, cut out as a portrait.
type Person struct {
	Name    string // photograph and place
	Picture *vision.RGB
	Face    *face.Face // in pixels of Picture
}

// place is where a person's face is on a photograph of the lock, and how wide it is, in pixels.
type place struct {
	photograph  string
	x, y, width float64
}

// places are people who look at the camera, of both lights and several complexions. The lock pins the bytes, so the pixels stay.
var places = []place{
	{"photograph_3", 1189, 382, 251}, {"photograph_3", 1564, 459, 212}, {"photograph_6", 778, 498, 245},
	{"photograph_6", 1590, 437, 247}, {"photograph_6", 348, 647, 221}, {"photograph_5", 861, 243, 166},
}

// lowered are people whose lids hide their eyes.
var lowered = []place{{"photograph_1", 937, 555, 174}, {"photograph_4", 1078, 329, 201}}

// again is the first of places on another photograph, her head leaning.
var again = []place{{"photograph_1", 1566, 343, 149}}

// portraitSides is the side of a portrait in face widths: head and shoulders.
const portraitSides = 2.2

// People finds the people on the photographs, given by name as file bytes. All are well captured.
func People(ctx context.Context, faces *face.Analyzer, photographs map[string][]byte) ([]*Person, error) {
	return find(ctx, faces, photographs, places)
}

// EyesLowered finds those whose lids hide their eyes.
func EyesLowered(ctx context.Context, faces *face.Analyzer, photographs map[string][]byte) ([]*Person, error) {
	return find(ctx, faces, photographs, lowered)
}

// Again finds the first of People on another photograph.
func Again(ctx context.Context, faces *face.Analyzer, photographs map[string][]byte) (*Person, error) {
	found, err := find(ctx, faces, photographs, again)
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func find(ctx context.Context, faces *face.Analyzer, photographs map[string][]byte, places []place) ([]*Person, error) {
	decoded := map[string]*vision.Picture{}
	var people []*Person
	for i, at := range places {
		photo := decoded[at.photograph]
		if photo == nil {
			var err error
			if photo, err = vision.Decode(photographs[at.photograph], vision.SceneLimits); err != nil {
				return nil, fmt.Errorf("decode %s: %w", at.photograph, err)
			}
			decoded[at.photograph] = photo
		}
		h := portraitSides * at.width / 2
		cut := photo.Native().Crop(vision.Rect{X0: at.x - h, Y0: at.y - h, X1: at.x + h, Y1: at.y + h})
		p, err := newPerson(ctx, faces, fmt.Sprintf("%s, %d", at.photograph, i), cut)
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}

func newPerson(ctx context.Context, faces *face.Analyzer, name string, m *vision.RGB) (*Person, error) {
	scene, err := faces.Analyze(ctx, vision.NewPyramid(m))
	if err != nil {
		return nil, fmt.Errorf("find the face of %s: %w", name, err)
	}
	return &Person{Name: name, Picture: m, Face: scene.Face()}, nil
}

// Pyramid shows the portrait as it is.
func (p *Person) Pyramid() *vision.Pyramid { return vision.NewPyramid(p.Picture) }

// each changes every byte of the portrait; x and y are the pixel's place.
func (p *Person) each(change func(v float64, x, y int) float64) *vision.RGB {
	m := vision.NewRGB(p.Picture.Width, p.Picture.Height)
	for i, v := range p.Picture.Pix {
		at := i / 3
		m.Pix[i] = level(change(float64(v), at%m.Width, at/m.Width))
	}
	return m
}

func level(v float64) byte { return byte(min(255, max(0, v+0.5))) }
