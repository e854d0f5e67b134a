package specimen

import (
	_ "embed"
	"encoding/json"
	"math"

	"ekyc"
	"ekyc/internal/vision"
)

//go:embed gallery.json
var galleryFile []byte

// appearance is one face in one photograph.
type appearance struct {
	Person     string  `json:"person"`
	Photograph string  `json:"photograph"` // name of the asset in the lock
	Sex        string  `json:"sex"`        // as it appears
	X          float64 `json:"x"`          // centre of the face, pixels of the photograph
	Y          float64 `json:"y"`
	Face       float64 `json:"face"` // width of the face's box
	Roll       float64 `json:"roll"` // degrees that the head leans clockwise in the photograph
}

// Gallery is the people whose photographs portraits are cut from.
type Gallery struct {
	appearances []appearance
	pictures    map[string]*vision.Picture
}

// NewGallery decodes photographs, given by the names that the lock file has for them. Names it does not know are passed over. It
// fails with ErrModelMissing when there is none that it knows, and with the errors of vision.Decode.
func NewGallery(photographs map[string][]byte) (*Gallery, error) {
	var all []appearance
	if err := json.Unmarshal(galleryFile, &all); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the table of faces cannot be read").Because(err)
	}
	g := &Gallery{pictures: map[string]*vision.Picture{}}
	for _, a := range all {
		data, have := photographs[a.Photograph]
		if !have {
			continue
		}
		if g.pictures[a.Photograph] == nil {
			picture, err := vision.Decode(data, vision.SceneLimits)
			if err != nil {
				return nil, err
			}
			g.pictures[a.Photograph] = picture
		}
		g.appearances = append(g.appearances, a)
	}
	if len(g.appearances) == 0 {
		return nil, ekyc.Errorf(ekyc.ErrModelMissing, "the photographs of people are not installed: run ekyc models pull")
	}
	return g, nil
}

// People names everybody, in a fixed order.
func (g *Gallery) People() []string {
	var names []string
	for _, a := range g.appearances {
		if len(names) == 0 || names[len(names)-1] != a.Person {
			names = append(names, a.Person)
		}
	}
	return names
}

// Photographs is how many different photographs of a person there are.
func (g *Gallery) Photographs(person string) int { return len(g.of(person)) }

func (g *Gallery) of(person string) []appearance {
	var list []appearance
	for _, a := range g.appearances {
		if a.Person == person {
			list = append(list, a)
		}
	}
	return list
}

func (g *Gallery) appearance(person string, index int) (appearance, error) {
	list := g.of(person)
	if index < 0 || index >= len(list) {
		return appearance{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no such photograph of that person")
	}
	return list[index], nil
}

// Proportions of what is cut from a photograph.
const (
	portraitFaces  = 1.65        // width of a portrait in widths of the face's box, about what ICAO asks for
	portraitAspect = 45.0 / 35.0 // height over width of a portrait (ICAO Doc 9303-9)
	portraitWidth  = 640         // pixels
	selfieFaces    = 3.0         // width of a selfie in widths of the face's box
	selfieAspect   = 4.0 / 3.0   // upright
	faceHeight     = 0.47        // where the middle of the face's box stands from the top, as a share of the height
)

// Portrait cuts the document portrait of a person from her or his photograph number index (the first is 0). It fails with
// ErrInvalidArgument where there is none.
func (g *Gallery) Portrait(person string, index int) (*Portrait, error) {
	a, err := g.appearance(person, index)
	if err != nil {
		return nil, err
	}
	return &Portrait{Name: person, Sex: a.Sex, Image: g.cut(a, portraitFaces, portraitAspect, portraitWidth)}, nil
}

// cut turns a head upright and takes the given number of face widths around it, in an image of the given width.
func (g *Gallery) cut(a appearance, faces, aspect float64, width int) *vision.RGB {
	height := int(math.Round(float64(width) * aspect))
	scale := faces * a.Face / float64(width) // pixels of the photograph a pixel of the cut
	sin, cos := math.Sincos(a.Roll * math.Pi / 180)
	turned := func(x, y float64) vision.Point {
		x, y = (x-float64(width)/2)*scale, (y-float64(height)*faceHeight)*scale
		return vision.Point{X: a.X + x*cos - y*sin, Y: a.Y + x*sin + y*cos}
	}
	w, h := float64(width), float64(height)
	from := vision.Quad{turned(0, 0), turned(w, 0), turned(w, h), turned(0, h)}
	toPhotograph, _ := vision.Between(vision.Rect{X1: w, Y1: h}.Quad(), from)
	return g.pictures[a.Photograph].Warp(toPhotograph, width, height, vision.BorderReplicate)
}
