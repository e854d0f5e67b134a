// Package tesseract reads lines of text in scripts that the PP-OCR recognisers do not know, with the Tesseract library and the
// data files of Debian's script packs. It runs inside the process: opening an engine costs more than reading ten lines with it.
package tesseract

/*
#cgo CXXFLAGS: -std=c++17 -O2
#cgo LDFLAGS: -ltesseract -lgomp
#include <stdlib.h>
#include "engine.h"
*/
import "C"

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"strings"
	"sync"
	"unicode"
	"unsafe"

	"ekyc"
	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

const (
	// maxEngines of one script work at the same time; an engine must not be shared, and each holds 10 to 40 MB.
	maxEngines = 2
	// lineHeight in pixels to which a crop is brought, as for the PP-OCR recognisers. Of 32, 48 and 64 it makes the fewest errors.
	lineHeight = 48
	// minSide in pixels: what is smaller in either direction holds no letter.
	minSide = 6
	// minContrast in grey levels between the darkest and the brightest hundredth of a crop. On an even ground the networks invent letters,
	// and are sure of them.
	minContrast = 16
	// maxRatio bounds a crop's width in multiples of its height, as for the PP-OCR recognisers.
	maxRatio = 40.0
	// maxGlyphs in a line. The widest crop has room for 160 letters of a quarter of its height.
	maxGlyphs = 256
)

// Reader reads lines in one script. It is safe for concurrent use.
type Reader struct {
	directory string
	script    Script
	idle      chan *C.ekyc_engine // engines that wait for a line
	places    chan struct{}       // one for each engine that may yet be opened
	closed    chan struct{}
	close     sync.Once
}

// Open makes a reader of one script and its first engine. dataDir holds the data files, such as Cyrillic.traineddata; empty, they
// are where TESSDATA_PREFIX says, or else where Debian's packages put them. Errors: ErrInvalidArgument for a script that is none of
// Scripts, ErrModelMissing when the data file is not there or cannot be read, ErrInternal.
func Open(dataDir string, script Script) (*Reader, error) {
	if _, known := packs[script]; !known {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no reader for the script %q", string(script))
	}
	r := &Reader{
		directory: dataDir, script: script,
		idle: make(chan *C.ekyc_engine, maxEngines), places: make(chan struct{}, maxEngines), closed: make(chan struct{}),
	}
	first, err := r.open()
	if err != nil {
		return nil, err
	}
	r.idle <- first
	for range maxEngines - 1 {
		r.places <- struct{}{}
	}
	return r, nil
}

// Script is the script that the reader reads.
func (r *Reader) Script() Script { return r.script }

func (r *Reader) open() (*C.ekyc_engine, error) {
	var directory *C.char
	if r.directory != "" {
		directory = C.CString(r.directory)
		defer C.free(unsafe.Pointer(directory))
	}
	name := C.CString(packs[r.script].data)
	defer C.free(unsafe.Pointer(name))
	var status C.int
	engine := C.ekyc_engine_open(directory, name, &status)
	switch status {
	case 0:
		return engine, nil
	case C.EKYC_ENGINE_NO_DATA:
		return nil, ekyc.Errorf(ekyc.ErrModelMissing, "the data for reading %s script is not installed; the Debian package %s has it, and scripts/install-packages.sh installs it",
			packs[r.script].data, packs[r.script].debian).With("package", packs[r.script].debian)
	}
	return nil, ekyc.Errorf(ekyc.ErrInternal, "no engine for reading %s script could be made", packs[r.script].data)
}

// Line reads a crop that holds one upright line. Characters are in the order in which they are spoken, so that in Arabic their At
// falls from 1 to 0. A letter composed of several code points gives one character for each, with the letter's confidence and place; a
// space has the lower confidence of its neighbours. A crop without contrast gives an empty line; what is
// not text at all is read as some letters, often with high confidence, so give it only what a detector took for text. It waits while maxEngines lines are
// being read. Errors: ErrInvalidArgument for a raster that is not what its dimensions say, ErrCancelled, ErrInternal, and
// ErrModelMissing when the data file has vanished since Open.
func (r *Reader) Line(ctx context.Context, g *vision.Gray) (ocr.Line, error) {
	if g == nil || g.Width < 1 || g.Height < 1 || len(g.Pix) != g.Width*g.Height {
		return ocr.Line{}, ekyc.Errorf(ekyc.ErrInvalidArgument, "the raster does not have the size it claims")
	}
	if ctx.Err() != nil {
		return ocr.Line{}, cancelled(ctx)
	}
	if min(g.Width, g.Height) < minSide || int(g.Percentile(0.99))-int(g.Percentile(0.01)) < minContrast {
		return ocr.Line{}, nil
	}
	engine, err := r.take(ctx)
	if err != nil {
		return ocr.Line{}, err
	}
	crop := scaled(g)
	glyphs, ok := read(engine, crop)
	if !ok {
		C.ekyc_engine_close(engine)
		r.places <- struct{}{}
		return ocr.Line{}, ekyc.Errorf(ekyc.ErrInternal, "the engine for reading %s script failed", packs[r.script].data)
	}
	r.idle <- engine
	return line(glyphs, float64(crop.Width)), nil
}

// take gives an idle engine, or else opens one where there is a place, or else waits. The engine goes back into r.idle.
func (r *Reader) take(ctx context.Context) (*C.ekyc_engine, error) {
	select {
	case engine := <-r.idle:
		return engine, nil
	default:
	}
	select {
	case <-ctx.Done():
		return nil, cancelled(ctx)
	case <-r.closed:
		return nil, ekyc.Errorf(ekyc.ErrInternal, "the reader of %s script is closed", packs[r.script].data)
	case engine := <-r.idle:
		return engine, nil
	case <-r.places:
	}
	engine, err := r.open()
	if err != nil {
		r.places <- struct{}{}
	}
	return engine, err
}

// Close waits for the lines that are being read and frees the engines. The reader reads no line after it.
func (r *Reader) Close() {
	r.close.Do(func() {
		close(r.closed)
		for range maxEngines {
			select {
			case engine := <-r.idle:
				C.ekyc_engine_close(engine)
			case <-r.places:
			}
		}
	})
}

// scaled brings a crop to lineHeight, keeping its aspect up to maxRatio.
func scaled(g *vision.Gray) *vision.Gray {
	ratio := min(float64(g.Width)/float64(g.Height), maxRatio)
	width := max(minSide, int(math.Round(ratio*lineHeight)))
	if width == g.Width && g.Height == lineHeight {
		return g
	}
	return g.Resize(width, lineHeight)
}

// glyph is what the engine saw as one sign.
type glyph struct {
	text       string
	confidence float64 // 0 to 1
	centre     float64 // pixels
	startsWord bool
}

func read(engine *C.ekyc_engine, g *vision.Gray) (glyphs []glyph, ok bool) {
	out := make([]C.ekyc_glyph, maxGlyphs)
	n := C.ekyc_engine_line(engine, (*C.uint8_t)(unsafe.Pointer(&g.Pix[0])), C.int(g.Width), C.int(g.Height), &out[0], maxGlyphs)
	runtime.KeepAlive(g)
	if n < 0 {
		return nil, false
	}
	for _, o := range out[:n] {
		glyphs = append(glyphs, glyph{
			text:       strings.Map(printed, C.GoString(&o.text[0])),
			confidence: max(0, min(float64(o.confidence)/100, 1)),
			centre:     float64(o.left+o.right) / 2,
			startsWord: o.starts_word != 0,
		})
	}
	return glyphs, true
}

// printed drops the marks of writing direction, which the engine puts where numerals stand in Arabic, and spaces inside a glyph.
func printed(r rune) rune {
	if unicode.Is(unicode.Bidi_Control, r) || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
		return -1
	}
	return r
}

// line puts glyphs together to a line whose crop is width pixels wide.
func line(glyphs []glyph, width float64) ocr.Line {
	var l ocr.Line
	sum, pending := 0.0, false
	add := func(r rune, confidence, at float64) {
		l.Characters = append(l.Characters, ocr.Character{Rune: r, Confidence: confidence, At: max(0, min(at, 1))})
		sum += confidence
	}
	for _, g := range glyphs {
		pending = pending || g.startsWord
		if g.text == "" {
			continue
		}
		at := g.centre / width
		if last := len(l.Characters) - 1; pending && last >= 0 {
			before := l.Characters[last]
			add(' ', min(before.Confidence, g.confidence), (before.At+at)/2)
		}
		pending = false
		for _, r := range g.text {
			add(r, g.confidence, at)
		}
	}
	var text strings.Builder
	for _, c := range l.Characters {
		text.WriteRune(c.Rune)
	}
	l.Text = text.String()
	l.Confidence = sum / float64(cmp.Or(len(l.Characters), 1))
	return l
}

func cancelled(ctx context.Context) error {
	return ekyc.Errorf(ekyc.ErrCancelled, "reading a line was cancelled or ran out of time").Because(context.Cause(ctx))
}
