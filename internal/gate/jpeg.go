package gate

import (
	"bytes"
	"encoding/binary"
)

// The markers of JPEG that are told apart here (ITU-T T.81, table B.1).
const (
	markerTEM  = 0x01
	markerSOF0 = 0xc0 // to SOF15, with DHT, JPG and DAC between them
	markerJPG  = 0xc8
	markerRST0 = 0xd0
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerDQT  = 0xdb
	markerDNL  = 0xdc
	markerDRI  = 0xdd
	markerAPP0 = 0xe0
	markerAPP1 = 0xe1
	markerAPP2 = 0xe2
	markerAdob = 0xee // APP14
	markerAPPF = 0xef
	markerCOM  = 0xfe
)

// jpeg takes a JPEG to pieces. Kept are, as they are, the frame, the tables and the scans; written anew are the headers that tell how the
// numbers are colours. The first picture ends at its EOI: further pictures of a multi-picture file (CIPA DC-007), a film, or what else follows falls away.
func (f *file) jpeg(data []byte) error {
	j := &jpegFile{file: f, data: data}
	j.write([]byte{0xff, markerSOI})
	head := len(j.parts)
	for at, n := 2, 0; ; n++ {
		next, err := j.marker(at)
		if err != nil {
			return err
		}
		j.drop(at, next) // stray bytes and fill bytes, which cameras write
		at = next
		if n > mostPieces {
			return corrupt("more than %d segments", mostPieces)
		}
		switch marker := data[at+1]; {
		case marker == markerEOI:
			if !j.scanned {
				return corrupt("no scan")
			}
			j.keep(at, at+2)
			j.drop(at+2, len(data))
			j.parts = insert(j.parts, head, j.head()...)
			return nil
		case marker == markerTEM || marker >= markerRST0 && marker < markerSOI: // no segment, and no meaning here
			j.drop(at, at+2)
			at += 2
		default:
			if at, err = j.segment(at, marker); err != nil {
				return err
			}
		}
	}
}

// jpegFile is a JPEG on its way through the gate.
type jpegFile struct {
	*file
	data    []byte
	scanned bool // a scan has begun, and decoders have made up their minds about colours

	jfif    []byte   // the first 14 bytes of a JFIF header
	adobe   []byte   // the first 12 bytes of Adobe's
	profile [][]byte // pieces of the ICC profile by their number, from 1
}

// marker finds the next marker from at on, over stray and fill bytes, and gives the place of its 0xff.
func (j *jpegFile) marker(at int) (int, error) {
	for at < len(j.data) {
		next := bytes.IndexByte(j.data[at:], 0xff)
		if next < 0 {
			break
		}
		for at += next; at+1 < len(j.data) && j.data[at+1] == 0xff; at++ {
		}
		if at+1 < len(j.data) && j.data[at+1] != 0 {
			return at, nil
		}
		at++
	}
	return 0, corrupt("no end marker")
}

// segment keeps or drops the segment whose marker is at at, with the coded data that follow the header of a scan, and gives the place behind it.
func (j *jpegFile) segment(at int, marker byte) (int, error) {
	if at+4 > len(j.data) {
		return 0, corrupt("a segment without length")
	}
	end := at + 2 + int(binary.BigEndian.Uint16(j.data[at+2:]))
	if end < at+4 || end > len(j.data) {
		return 0, corrupt("a segment that is longer than the file")
	}
	switch {
	case marker == markerSOS:
		j.scanned = true
		end = j.coded(end)
		j.keep(at, end)
	case marker >= markerSOF0 && marker < markerRST0 && marker != markerJPG, marker == markerDQT, marker == markerDRI:
		j.keep(at, end)
	case marker >= markerAPP0 && marker <= markerAPPF, marker == markerCOM, marker == markerDNL:
		if !j.scanned {
			j.note(marker, j.data[at+4:end])
		}
		j.drop(at+4, end)
	default: // a second start, or a marker that is reserved: decoders give up
		return 0, corrupt("marker %#x", marker)
	}
	return end, nil
}

// coded gives the end of the coded data of a scan: the next marker that is neither a stuffed byte nor a restart.
func (j *jpegFile) coded(at int) int {
	for at < len(j.data) {
		next := bytes.IndexByte(j.data[at:], 0xff)
		if next < 0 {
			break
		}
		start := at + next
		for at = start; at < len(j.data) && j.data[at] == 0xff; at++ {
		}
		if at == len(j.data) {
			break
		}
		if m := j.data[at]; m != 0 && (m < markerRST0 || m >= markerSOI) {
			return start
		}
	}
	return len(j.data)
}

// The names that application segments begin with.
var (
	jfifName = []byte("JFIF\x00")
	adobName = []byte("Adobe")
	iccName  = []byte("ICC_PROFILE\x00")
	exifName = []byte("Exif\x00\x00")
)

const (
	jfifSize = 14 // without the thumbnail (JFIF 1.02)
	adobSize = 12
)

// note remembers what a dropped segment says of colours. libjpeg looks at the first JFIF header and the last of Adobe's.
func (j *jpegFile) note(marker byte, body []byte) {
	switch {
	case marker == markerAPP0 && j.jfif == nil && len(body) >= jfifSize && bytes.HasPrefix(body, jfifName):
		j.jfif = body[:jfifSize]
	case marker == markerAdob && len(body) >= adobSize && bytes.HasPrefix(body, adobName):
		j.adobe = body[:adobSize]
	case marker == markerAPP2 && len(body) > len(iccName)+2 && bytes.HasPrefix(body, iccName):
		number, of := int(body[len(iccName)]), int(body[len(iccName)+1])
		if j.profile == nil {
			j.profile = make([][]byte, of+1)
		}
		if number > 0 && number < len(j.profile) {
			j.profile[number] = body[len(iccName)+2:]
		}
	}
}

// head gives the segments that are written anew.
func (j *jpegFile) head() (parts []part) {
	add := func(marker byte, body ...[]byte) {
		content := bytes.Join(body, nil)
		segment := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(content)+2))
		parts = append(parts, part{written: append(segment, content...)})
	}
	if j.jfif != nil {
		const resolution = 7
		add(markerAPP0, jfifName, []byte{1, 1}, j.jfif[resolution:resolution+5], []byte{0, 0})
	}
	if j.info.Orientation != upright {
		add(markerAPP1, exifName, orientationBlock(j.info.Orientation))
	}
	const longest = 65535 - 2 - 14
	profile := cleanProfile(j.wholeProfile())
	pieces := (len(profile) + longest - 1) / longest
	for i := range pieces {
		add(markerAPP2, iccName, []byte{byte(i + 1), byte(pieces)}, profile[i*longest:min((i+1)*longest, len(profile))])
	}
	if j.adobe != nil {
		const version, transform = 100, 11
		add(markerAdob, adobName, []byte{0, version, 0, 0, 0, 0, j.adobe[transform]})
	}
	return parts
}

// wholeProfile joins the pieces of the ICC profile; nil where one is missing.
func (j *jpegFile) wholeProfile() []byte {
	for i, piece := range j.profile {
		if i > 0 && piece == nil {
			return nil
		}
	}
	return bytes.Join(j.profile, nil)
}

func insert(parts []part, at int, more ...part) []part {
	return append(parts[:at:at], append(more, parts[at:]...)...)
}
