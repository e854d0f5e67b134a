package gate

import (
	"ekyc"
	"ekyc/internal/vision"
)

// Clean checks a picture against the limits and gives the file that may be kept of it: the same type and the same coded picture, bit for
// bit, without metadata and without anything that does not belong to it. Where there is nothing to take away the result is data itself,
// and otherwise it lies in data's memory where it fits, so that data must not be used afterwards.
//
// What stays beside the picture: the orientation, as the one entry of an Exif block that is written here; the colours' meaning (an ICC
// profile reduced to its colour data, and the like); the resolution. Errors: those of vision.Inspect, ErrImageForeignContent.
func Clean(data []byte, limits vision.Limits) ([]byte, error) {
	f, err := examine(data, limits)
	if err != nil {
		return nil, err
	}
	return f.assemble(data), nil
}

// file is what an upload consists of: the parts that make the clean file, in their order, and what falls away.
type file struct {
	info    vision.Info
	parts   []part
	dropped []span // the contents of what falls away: of segments and chunks without their heads
}

// span is a range of the upload's bytes.
type span struct{ from, to int }

// part is one part of the clean file: a range of the upload, or bytes that are written anew.
type part struct {
	span
	written []byte // nil for a range
}

// keep adds a range of the upload.
func (f *file) keep(from, to int) {
	if n := len(f.parts); n > 0 && f.parts[n-1].written == nil && f.parts[n-1].to == from {
		f.parts[n-1].to = to
		return
	}
	f.parts = append(f.parts, part{span: span{from, to}})
}

// write adds bytes.
func (f *file) write(b []byte) {
	if len(b) > 0 {
		f.parts = append(f.parts, part{written: b})
	}
}

// drop notes a range of the upload that falls away.
func (f *file) drop(from, to int) {
	if from < to {
		f.dropped = append(f.dropped, span{from, to})
	}
}

// examine takes a file to pieces and changes nothing.
func examine(data []byte, limits vision.Limits) (*file, error) {
	info, err := vision.Inspect(data, limits)
	if err != nil {
		return nil, err
	}
	f := &file{info: info}
	switch info.Format {
	case vision.JPEG:
		err = f.jpeg(data)
	case vision.PNG:
		err = f.png(data)
	case vision.WebP:
		err = f.webp(data)
	}
	if err == nil {
		err = f.foreign(data)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// mostPieces bounds the segments or chunks of a file; the smallest that encoders write hold kilobytes.
const mostPieces = 1 << 16

func corrupt(format string, args ...any) error {
	return ekyc.Errorf(ekyc.ErrImageCorrupt, "the image is damaged or cut off and cannot be decoded").Because(ekyc.Errorf(ekyc.ErrImageCorrupt, format, args...))
}

// assemble makes the clean file, in the upload's own memory where every part comes to lie no further back than it was.
func (f *file) assemble(data []byte) []byte {
	size, inPlace, same := 0, true, true
	for _, p := range f.parts {
		if p.written != nil {
			same = same && size+len(p.written) <= len(data) && string(data[size:size+len(p.written)]) == string(p.written)
			size += len(p.written)
			continue
		}
		same = same && p.from == size
		inPlace = inPlace && size <= p.from
		size += p.to - p.from
	}
	if same && size == len(data) {
		return data
	}
	inPlace = inPlace && size <= len(data)
	out := data
	if !inPlace {
		out = make([]byte, size)
	}
	at := 0
	for _, p := range f.parts {
		if p.written != nil {
			at += copy(out[at:], p.written)
		} else {
			at += copy(out[at:], data[p.from:p.to])
		}
	}
	if inPlace {
		clear(data[size:])
	}
	return out[:size:size]
}
