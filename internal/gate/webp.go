package gate

import (
	"bytes"
	"encoding/binary"

	"ekyc"
)

// The flags of an extended WebP (WebP container specification, "Extended File Format").
const (
	webpAnimated = 1 << 1
	webpExif     = 1 << 3
	webpAlpha    = 1 << 4
	webpProfile  = 1 << 5
)

const (
	riffStart    = 12 // "RIFF", size, "WEBP"
	riffOverhead = 8  // type and length of a chunk
	webpExtended = 10 // bytes of VP8X
)

// webp takes a WebP to pieces. Kept are the coded picture and its transparency; what else a still needs is written anew. An animation has no still that
// decoders agree on, and is refused.
func (f *file) webp(data []byte) error {
	end := riffOverhead + int(binary.LittleEndian.Uint32(data[4:]))
	if end > len(data) {
		return corrupt("the container is longer than the file")
	}
	var picture, alpha span
	var flags byte
	var profile []byte
	for at, n := riffStart, 0; at+riffOverhead <= end; n++ {
		length := int(binary.LittleEndian.Uint32(data[at+4:]))
		if length > end-at-riffOverhead || n > mostPieces {
			return corrupt("a chunk that is longer than the container, or too many")
		}
		next := min(at+riffOverhead+length+length%2, end)
		kind, body := string(data[at:at+4]), data[at+riffOverhead:at+riffOverhead+length]
		switch {
		case kind == "VP8X" && n == 0 && length == webpExtended:
			flags = body[0]
		case kind == "ICCP" && picture.to == 0 && profile == nil:
			profile = cleanProfile(body)
			f.drop(at+riffOverhead, next)
		case kind == "ALPH" && picture.to == 0 && alpha.to == 0 && flags&webpAlpha != 0:
			alpha = span{at, next}
		case (kind == "VP8 " || kind == "VP8L") && picture.to == 0:
			picture = span{at, next}
		default:
			f.drop(at+riffOverhead, next)
		}
		at = next
	}
	f.drop(end, len(data))
	switch {
	case flags&webpAnimated != 0:
		return ekyc.Errorf(ekyc.ErrImageTypeUnsupported, "the image is an animation; a still picture is expected")
	case picture.to == 0:
		return corrupt("no picture")
	case codedSize(data[picture.from:picture.to]) != [2]int{f.info.Width, f.info.Height}:
		return corrupt("the picture has another size than its canvas")
	}
	f.container(data, flags&webpAlpha, profile, alpha, picture)
	return nil
}

// container writes the container around the coded picture: the extended form where something has to be said beside it.
func (f *file) container(data []byte, flags byte, profile []byte, alpha, picture span) {
	var before, after []byte
	if profile != nil {
		flags |= webpProfile
		before = riffChunk("ICCP", profile)
	}
	if f.info.Orientation != upright {
		flags |= webpExif
		after = riffChunk("EXIF", orientationBlock(f.info.Orientation))
	}
	if extended := string(data[riffStart:riffStart+4]) == "VP8X"; extended || flags != 0 {
		canvas := make([]byte, 8)
		binary.LittleEndian.PutUint32(canvas, uint32(f.info.Width-1))
		binary.LittleEndian.PutUint32(canvas[3:], uint32(f.info.Height-1)) // three bytes each
		before = append(riffChunk("VP8X", append([]byte{flags, 0, 0, 0}, canvas[:6]...)), before...)
	}
	pad := bytes.Repeat([]byte{0}, (picture.to-picture.from)%2) // where the file ended without it
	size := 4 + len(before) + (alpha.to - alpha.from) + (picture.to - picture.from) + len(pad) + len(after)
	f.write(append(append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(size)), "WEBP"...), before...))
	if alpha.to > 0 {
		f.keep(alpha.from, alpha.to)
	}
	f.keep(picture.from, picture.to)
	f.write(append(pad, after...))
}

// codedSize reads width and height from the head of a coded picture (RFC 6386, section 9.1; WebP lossless bitstream, section 3).
func codedSize(chunk []byte) [2]int {
	const sizeBits = 1<<14 - 1
	body := chunk[riffOverhead:]
	switch {
	case string(chunk[:4]) == "VP8 " && len(body) >= 10:
		return [2]int{int(binary.LittleEndian.Uint16(body[6:])) & sizeBits, int(binary.LittleEndian.Uint16(body[8:])) & sizeBits}
	case string(chunk[:4]) == "VP8L" && len(body) >= 5:
		bits := int(binary.LittleEndian.Uint32(body[1:]))
		return [2]int{bits&sizeBits + 1, bits>>14&sizeBits + 1}
	}
	return [2]int{}
}

// riffChunk writes a chunk, whose length is made even.
func riffChunk(kind string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)%2)...)
}
