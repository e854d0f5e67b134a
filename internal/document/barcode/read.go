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
	// then four pixels wide. Larger images and regions are brought to this size.
	comfortableSide = 1600
	// cheapSide: images up to this size are tried at other scales too, which costs little.
	cheapSide = 1000
	// fineSide: regions longer than this have modules that bear halving, which takes away noise.
	fineSide = 900
)

// Read finds and reads the bar codes of a grey image, one byte a pixel, rows stride bytes apart, in any orientation. It looks at the
// whole image first, then at the parts that are striped like a stacked bar code, set upright, at a few scales and by both ways of
// thresholding, and stops at the first that gives anything. No symbol is an empty result, no error. It
// fails with ErrInvalidArgument for a raster that is not what its dimensions say, and ErrInternal when the library does.
func Read(gray []byte, width, height, stride int) ([]Symbol, error) {
	if width < 1 || height < 1 || width > maxSide || height > maxSide || stride < width || len(gray) < stride*(height-1)+width {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the raster does not have the size it claims")
	}
	if width < minSide || height < minSide {
		return nil, nil
	}
	m := raster{gray, width, height, stride}.gray()
	for _, a := range wholeImage(width, height) {
		symbols, err := a.read(m)
		if err != nil || len(symbols) > 0 {
			return symbols, err
		}
	}
	for _, r := range findRegions(m) {
		symbols, err := r.read(m)
		if err != nil || len(symbols) > 0 {
			return symbols, err
		}
	}
	return readWithoutStart(m)
}

// readWithoutStart tries symbols whose start pattern is missing, as they lie and upside down. Their corners are the image's.
func readWithoutStart(m *vision.Gray) ([]Symbol, error) {
	for range 2 {
		for _, drawn := range withStart(m) {
			symbols, err := whole(drawn).read(false)
			for i := range symbols {
				symbols[i].Corners = vision.Rect{X1: float64(m.Width), Y1: float64(m.Height)}.Quad()
			}
			if err != nil || len(symbols) > 0 {
				return symbols, err
			}
		}
		m = &vision.Gray{Pix: slices.Clone(m.Pix), Width: m.Width, Height: m.Height}
		slices.Reverse(m.Pix)
	}
	return nil, nil
}

// ReadGray is Read on a raster.
func ReadGray(m *vision.Gray) ([]Symbol, error) {
	return Read(m.Pix, m.Width, m.Height, m.Width)
}

// attempt is one way to look at an image: its scale and the threshold, one for all (global) or one for each neighbourhood.
type attempt struct {
	scale  float64
	global bool
}

// wholeImage lists the ways to look at a whole image.
func wholeImage(width, height int) []attempt {
	list := []attempt{{min(1, comfortableSide/float64(max(width, height))), false}}
	if max(width, height) <= cheapSide {
		list = append(list, attempt{1, true}, attempt{2, false}, attempt{0.5, false})
	}
	return list
}

func (a attempt) read(m *vision.Gray) ([]Symbol, error) {
	scaled := m
	if a.scale != 1 {
		scaled = m.Resize(max(minSide, int(float64(m.Width)*a.scale)), max(minSide, int(float64(m.Height)*a.scale)))
	}
	symbols, err := whole(scaled).read(a.global)
	for i := range symbols {
		for k, p := range symbols[i].Corners {
			symbols[i].Corners[k] = vision.Point{X: p.X * float64(m.Width) / float64(scaled.Width), Y: p.Y * float64(m.Height) / float64(scaled.Height)}
		}
	}
	return symbols, err
}

// read tries a striped region, set upright.
func (r region) read(m *vision.Gray) ([]Symbol, error) {
	scale := min(1, comfortableSide/r.width)
	list := []attempt{{scale, false}, {scale, true}}
	if scale == 1 { // small modules: between the pixels there is more to see
		list = append(list, attempt{1.5, false}, attempt{2, false})
	}
	if r.width >= fineSide {
		list = append(list, attempt{scale / 2, false})
	}
	for _, a := range list {
		image, back := r.cut(m, a.scale)
		symbols, err := whole(image).read(a.global)
		for i := range symbols {
			for k, p := range symbols[i].Corners {
				symbols[i].Corners[k] = back(p)
			}
		}
		if err != nil || len(symbols) > 0 {
			return symbols, err
		}
	}
	return nil, nil
}

type raster struct {
	pix                   []byte
	width, height, stride int
}

func whole(m *vision.Gray) raster { return raster{m.Pix, m.Width, m.Height, m.Width} }

// gray copies the raster without the padding of its rows, or takes it as it is where it has none.
func (r raster) gray() *vision.Gray {
	if r.stride == r.width {
		return &vision.Gray{Pix: r.pix[:r.width*r.height], Width: r.width, Height: r.height}
	}
	m := vision.NewGray(r.width, r.height)
	for y := range r.height {
		copy(m.Pix[y*r.width:(y+1)*r.width], r.pix[y*r.stride:])
	}
	return m
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
