// Package barcode reads the two-dimensional bar codes of identity documents with zxing-cpp, understands the content of North
// American driving licences and identity cards (AAMVA), and composes and encodes it.
package barcode

/*
#cgo pkg-config: zxing
#cgo CXXFLAGS: -std=c++17 -O2
#include <stdlib.h>
#include "zxing.h"
*/
import "C"

import (
	"math"
	"slices"
	"unsafe"

	"ekyc"
	"ekyc/internal/vision"
)

// Symbology is the kind of a bar code.
type Symbology string

// The symbologies that identity documents carry.
const (
	PDF417 Symbology = "pdf417"
	QR     Symbology = "qr"
	Aztec  Symbology = "aztec"
)

// Symbol is one bar code that was read. Its error correction has vouched for the content.
type Symbol struct {
	Format Symbology `json:"format"`
	// Bytes are the content as encoded, Text the same as UTF-8 by the character set that the symbol names or its bytes suggest.
	Bytes []byte `json:"bytes"`
	Text  string `json:"text"`
	// Corners in pixels of the image given: top left, top right, bottom right, bottom left as the symbol is read.
	Corners vision.Quad `json:"corners"`
}

const (
	// maxSymbols bounds what one image can give: a licence has one PDF417 and perhaps two small codes.
	maxSymbols = 8
	// maxSide and minSide are the largest and the smallest image that is searched, in pixels.
	maxSide = 12000
	minSide = 16
	// comfortableSide in pixels: a licence's PDF417 is three quarters of its width and has 200 to 300 modules across, which are
	// then four pixels wide. Larger images are searched at this size first.
	comfortableSide = 1600
	// retrySide: images smaller than this are tried again at twice their size, which helps modules of less than two pixels.
	retrySide = 1200
)

// Read finds and reads the bar codes of a grey image, one byte a pixel, rows stride bytes apart, in any orientation. It tries a
// few scales and both ways of thresholding, and stops at the first that gives anything. No symbol is an empty result, no error. It
// fails with ErrInvalidArgument for a raster that is not what its dimensions say, and ErrInternal when the library does.
func Read(gray []byte, width, height, stride int) ([]Symbol, error) {
	if width < 1 || height < 1 || width > maxSide || height > maxSide || stride < width || len(gray) < stride*(height-1)+width {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the raster does not have the size it claims")
	}
	if width < minSide || height < minSide {
		return nil, nil
	}
	native := raster{gray, width, height, stride}
	for _, a := range attempts(width, height) {
		symbols, err := a.read(native)
		if err != nil || len(symbols) > 0 {
			return symbols, err
		}
	}
	return readWithoutStart(native)
}

// readWithoutStart tries symbols whose start pattern is missing, as they lie and upside down. Their corners are the image's.
func readWithoutStart(native raster) ([]Symbol, error) {
	m := native.gray()
	for range 2 {
		for _, drawn := range withStart(m) {
			symbols, err := raster{drawn.Pix, drawn.Width, drawn.Height, drawn.Width}.read(false)
			for i := range symbols {
				symbols[i].Corners = vision.Rect{X1: float64(native.width), Y1: float64(native.height)}.Quad()
			}
			if err != nil || len(symbols) > 0 {
				return symbols, err
			}
		}
		slices.Reverse(m.Pix)
	}
	return nil, nil
}

// ReadGray is Read on a raster.
func ReadGray(m *vision.Gray) ([]Symbol, error) {
	return Read(m.Pix, m.Width, m.Height, m.Width)
}

// attempt is one way to look at an image: its scale, how far it is turned in degrees, and the threshold.
type attempt struct {
	scale  float64
	turn   float64
	global bool
}

// attempts lists the ways from the likeliest and cheapest to the last resort. The library finds quarter turns itself; for PDF417 it
// tolerates few degrees between them.
func attempts(width, height int) []attempt {
	comfortable := min(1, comfortableSide/float64(max(width, height)))
	list := []attempt{{comfortable, 0, false}}
	if comfortable < 1 {
		list = append(list, attempt{1, 0, false})
	}
	list = append(list, attempt{comfortable, 0, true}, attempt{comfortable, 12, false}, attempt{comfortable, -12, false}, attempt{comfortable / 2, 0, false})
	if max(width, height) < retrySide {
		list = append(list, attempt{2, 0, false})
	}
	return append(list, attempt{comfortable, 24, false}, attempt{comfortable, -24, false}, attempt{comfortable, 36, false}, attempt{comfortable, -36, false})
}

type raster struct {
	pix                   []byte
	width, height, stride int
}

func (a attempt) read(native raster) ([]Symbol, error) {
	if a.scale == 1 && a.turn == 0 {
		return native.read(a.global)
	}
	m := native.gray()
	width, height := max(minSide, int(float64(m.Width)*a.scale)), max(minSide, int(float64(m.Height)*a.scale))
	if a.scale != 1 {
		m = m.Resize(width, height)
	}
	back := func(p vision.Point) vision.Point { return p }
	if a.turn != 0 {
		m, back = turned(m, a.turn)
	}
	symbols, err := raster{m.Pix, m.Width, m.Height, m.Width}.read(a.global)
	for i := range symbols {
		for k, p := range symbols[i].Corners {
			p = back(p)
			symbols[i].Corners[k] = vision.Point{X: p.X * float64(native.width) / float64(width), Y: p.Y * float64(native.height) / float64(height)}
		}
	}
	return symbols, err
}

// gray copies the raster without the padding of its rows.
func (r raster) gray() *vision.Gray {
	m := vision.NewGray(r.width, r.height)
	for y := range r.height {
		copy(m.Pix[y*r.width:(y+1)*r.width], r.pix[y*r.stride:])
	}
	return m
}

// turned rotates an image about its middle onto a canvas that holds all of it, and gives the way back for points.
func turned(m *vision.Gray, degrees float64) (*vision.Gray, func(vision.Point) vision.Point) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(m.Width), float64(m.Height)
	width, height := int(w*math.Abs(cos)+h*math.Abs(sin)), int(w*math.Abs(sin)+h*math.Abs(cos))
	out := vision.NewGray(width, height)
	back := func(p vision.Point) vision.Point {
		x, y := p.X-float64(width)/2, p.Y-float64(height)/2
		return vision.Point{X: x*cos + y*sin + w/2, Y: y*cos - x*sin + h/2}
	}
	for y := range height {
		for x := range width {
			p := back(vision.Point{X: float64(x) + 0.5, Y: float64(y) + 0.5})
			out.Pix[y*width+x] = bilinear(m, p.X-0.5, p.Y-0.5)
		}
	}
	return out, back
}

// paper is what surrounds an image: white, as a quiet zone is.
const paper = 255

func bilinear(m *vision.Gray, x, y float64) byte {
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	if x0 < 0 || y0 < 0 || x0+1 >= m.Width || y0+1 >= m.Height {
		return paper
	}
	fx, fy := x-float64(x0), y-float64(y0)
	at := y0*m.Width + x0
	upper := float64(m.Pix[at])*(1-fx) + float64(m.Pix[at+1])*fx
	lower := float64(m.Pix[at+m.Width])*(1-fx) + float64(m.Pix[at+m.Width+1])*fx
	return byte(upper*(1-fy) + lower*fy + 0.5)
}

// read hands the raster to the library as it is.
func (r raster) read(global bool) ([]Symbol, error) {
	var found [maxSymbols]C.ekyc_symbol
	var useGlobal C.int
	if global {
		useGlobal = 1
	}
	n := C.ekyc_symbols_read((*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(r.pix))), C.int(r.width), C.int(r.height), C.int(r.stride), 1, useGlobal, &found[0], maxSymbols)
	if n < 0 {
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the bar code library failed")
	}
	defer C.ekyc_symbols_free(&found[0], n)
	var symbols []Symbol
	for _, f := range found[:n] {
		s := Symbol{Format: symbologyOf(f.format), Bytes: C.GoBytes(unsafe.Pointer(f.bytes), C.int(f.length)), Text: C.GoStringN(f.text, C.int(f.text_length))}
		for i := range s.Corners {
			s.Corners[i] = vision.Point{X: float64(f.corners[2*i]), Y: float64(f.corners[2*i+1])}
		}
		symbols = append(symbols, s)
	}
	return symbols, nil
}

func symbologyOf(format C.int) Symbology {
	switch format {
	case 1:
		return PDF417
	case 2:
		return QR
	}
	return Aztec
}
