package gate

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// pngKept are the chunks that are kept as they are, with the most bytes that each may have (PNG, third edition, section 11): the picture and what its
// colours and its resolution are. All others fall away: texts and times, Exif, the frames of an animation, suggested palettes, and what is not known.
var pngKept = map[string]int{
	"IHDR": 13, "PLTE": 768, "tRNS": 256, "IDAT": 1<<31 - 1, "IEND": 0,
	"gAMA": 4, "cHRM": 32, "sRGB": 1, "cICP": 4, "sBIT": 4, "pHYs": 9,
}

const (
	pngStart    = 8  // bytes of the signature
	pngOverhead = 12 // length, type and checksum of a chunk
)

// png takes a PNG to pieces. Of an animated one (APNG) the still picture stays that every decoder shows.
func (f *file) png(data []byte) error {
	f.keep(0, pngStart)
	profiled := false
	for at, n := pngStart, 0; at+pngOverhead <= len(data); n++ {
		length := int(binary.BigEndian.Uint32(data[at:]))
		if length > len(data)-at-pngOverhead || n > mostPieces {
			return corrupt("a chunk that is longer than the file, or too many")
		}
		end := at + pngOverhead + length
		kind, body := string(data[at+4:at+8]), data[at+8:at+8+length]
		most, kept := pngKept[kind]
		switch {
		case kept && length <= most:
			if crc32.ChecksumIEEE(data[at+4:at+8+length]) != binary.BigEndian.Uint32(data[end-4:]) {
				return corrupt("a chunk whose checksum is wrong")
			}
			f.keep(at, end)
		default:
			if kind == "iCCP" && !profiled { // where it stands, which is before the picture
				f.write(pngProfile(body))
				profiled = true
			}
			f.drop(at+8, end-4)
		}
		switch {
		case n == 0 && kind != "IHDR":
			return corrupt("the header does not come first")
		case n == 0 && f.info.Orientation != upright:
			f.write(pngChunk("eXIf", orientationBlock(f.info.Orientation)))
		case kind == "IEND":
			f.drop(end, len(data))
			return nil
		}
		at = end
	}
	return corrupt("no end chunk")
}

func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngProfile writes an iCCP chunk anew: a name, the method of compression (0), and the compressed profile.
func pngProfile(body []byte) []byte {
	const longestName = 79
	name := bytes.IndexByte(body[:min(len(body), longestName+1)], 0)
	if name < 0 || len(body) < name+2 || body[name+1] != 0 {
		return nil
	}
	in, err := zlib.NewReader(bytes.NewReader(body[name+2:]))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(io.LimitReader(in, mostProfile+1))
	if err != nil || len(plain) > mostProfile {
		return nil
	}
	profile := cleanProfile(plain)
	if profile == nil {
		return nil
	}
	var out bytes.Buffer
	out.WriteString("icc\x00\x00")
	w := zlib.NewWriter(&out)
	w.Write(profile) // into memory
	w.Close()
	return pngChunk("iCCP", out.Bytes())
}
