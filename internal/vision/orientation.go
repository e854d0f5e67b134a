package vision

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Orient applies an EXIF orientation (1 to 8; others count as 1) so that the image is seen upright.
func (m *RGB) Orient(orientation int) *RGB {
	switch orientation {
	case 2:
		return m.Mirror()
	case 3:
		return m.Rotate90(2)
	case 4:
		return m.Mirror().Rotate90(2)
	case 5:
		return m.Mirror().Rotate90(3)
	case 6:
		return m.Rotate90(1)
	case 7:
		return m.Mirror().Rotate90(1)
	case 8:
		return m.Rotate90(3)
	}
	return m
}

// jpegOrientation looks for an Exif APP1 segment before the first scan of a JPEG.
func jpegOrientation(data []byte) int {
	for marker, segment := range jpegSegments(data) {
		if marker == markerScan {
			break
		}
		if marker == markerAPP1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			return tiffOrientation(segment[6:])
		}
	}
	return 1
}

// pngOrientation looks for an eXIf chunk with a valid checksum.
func pngOrientation(data []byte) int {
	for at := 8; at+12 <= len(data); {
		length := int(binary.BigEndian.Uint32(data[at:]))
		if length < 0 || length > len(data)-at-12 {
			break
		}
		kind, body := data[at+4:at+8], data[at+8:at+8+length]
		if string(kind) == "eXIf" && crc32.ChecksumIEEE(data[at+4:at+8+length]) == binary.BigEndian.Uint32(data[at+8+length:]) {
			return tiffOrientation(body)
		}
		at += 12 + length
	}
	return 1
}

// webpOrientation looks for an EXIF chunk of the RIFF container.
func webpOrientation(data []byte) int {
	for at := 12; at+8 <= len(data); {
		length := int(binary.LittleEndian.Uint32(data[at+4:]))
		if length < 0 || length > len(data)-at-8 {
			break
		}
		if string(data[at:at+4]) == "EXIF" {
			return tiffOrientation(bytes.TrimPrefix(data[at+8:at+8+length], []byte("Exif\x00\x00")))
		}
		at += 8 + length + length%2
	}
	return 1
}

// tiffOrientation reads tag 0x0112 of the first directory (TIFF 6.0, section 2); 1 when it is absent or not 1 to 8.
func tiffOrientation(t []byte) int {
	const orientationTag, shortType, entrySize = 0x0112, 3, 12
	if len(t) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(t[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int(order.Uint32(t[4:]))
	if at < 8 || at > len(t)-2 {
		return 1
	}
	entries := int(order.Uint16(t[at:]))
	for i := range entries {
		e := at + 2 + i*entrySize
		if e > len(t)-entrySize {
			break
		}
		if order.Uint16(t[e:]) == orientationTag && order.Uint16(t[e+2:]) == shortType {
			if v := int(order.Uint16(t[e+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}
