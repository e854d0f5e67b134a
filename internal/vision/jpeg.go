package vision

/*
#cgo pkg-config: libturbojpeg
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

// The calls are wrapped so that the error text, which lives in the handle, is copied out before the handle goes.
// Returns 0, 1 for a warning (the picture was filled as far as the data went) or -1.
static int ekyc_jpeg_decode(const unsigned char *data, unsigned long size, unsigned char *pixels, int width, int height, int format, char *message) {
	tjhandle h = tjInitDecompress();
	if (!h) return -1;
	int rc = tjDecompress2(h, data, size, pixels, width, 0, height, format, TJFLAG_LIMITSCANS | TJFLAG_FASTUPSAMPLE);
	if (rc) {
		strncpy(message, tjGetErrorStr2(h), 199);
		rc = tjGetErrorCode(h) == TJERR_WARNING ? 1 : -1;
	}
	tjDestroy(h);
	return rc;
}

static int ekyc_jpeg_encode(const unsigned char *pixels, int width, int height, int format, int subsampling, int quality, unsigned char **out, unsigned long *size) {
	tjhandle h = tjInitCompress();
	if (!h) return -1;
	int rc = tjCompress2(h, pixels, width, 0, height, format, out, size, subsampling, quality, 0);
	tjDestroy(h);
	return rc;
}
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unsafe"
)

// messageSize is the room for a message of libjpeg-turbo (JMSG_LENGTH_MAX is 200).
const messageSize = 200

// maxScanPixels bounds the work of one decode: every scan of a progressive JPEG passes over the whole picture, and 250 KB of
// empty scans over 40 megapixels take most of a minute. Encoders write about ten scans; this allows 25 at 40 megapixels.
const maxScanPixels = 1_000_000_000

// jpegHeader reads size and number of channels of a JPEG without decoding it, and refuses one that costs too much to decode. It is
// memory-safe code: uploads are looked at before they are handed to the decoder behind the fence.
func jpegHeader(data []byte) (width, height int, fourChannels bool, err error) {
	scans, channels := 0, 0
	for marker, segment := range jpegSegments(data) {
		switch {
		case marker == markerScan:
			scans++
		case isFrame(marker) && channels == 0 && scans == 0:
			if width, height, channels, err = jpegFrame(segment); err != nil {
				return 0, 0, false, err
			}
		}
	}
	if channels == 0 || scans == 0 {
		return 0, 0, false, errors.New("the file holds no image")
	}
	if scans*width*height > maxScanPixels {
		return 0, 0, false, fmt.Errorf("%d scans of %d x %d pixels", scans, width, height)
	}
	return width, height, channels == 4, nil
}

// isFrame says whether a marker begins a frame: SOF0 to SOF15, between which DHT, JPG and DAC have their places (ITU-T T.81, table B.1).
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

// jpegFrame reads a frame header (ITU-T T.81, B.2.2): precision, height, width, channels.
func jpegFrame(segment []byte) (width, height, channels int, err error) {
	const fixed = 6
	if len(segment) < fixed {
		return 0, 0, 0, errors.New("the frame header is cut off")
	}
	height, width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
	channels = int(segment[5])
	switch {
	case segment[0] != 8:
		return 0, 0, 0, fmt.Errorf("%d bits a sample", segment[0])
	case width == 0 || height == 0: // a height that comes after the scan (DNL) is not supported by decoders
		return 0, 0, 0, errors.New("the frame is empty")
	case channels != 1 && channels != 3 && channels != 4 || len(segment) < fixed+3*channels:
		return 0, 0, 0, fmt.Errorf("a frame of %d channels", channels)
	}
	return width, height, channels, nil
}

// jpegBytesPerPixel is the most that the decode of a JPEG holds: the raster, the four channels that it is made of where there are
// four, and for a progressive one two bytes for each coefficient of each channel.
func jpegBytesPerPixel(data []byte, fourChannels bool) int {
	n, channels := rgbCopies, 3
	if fourChannels {
		n, channels = n+4, 4
	}
	for marker := range jpegSegments(data) {
		if marker == markerProgressive {
			return n + 2*channels
		}
	}
	return n
}

// The markers of JPEG (ITU-T T.81, table B.1) that are told apart here.
const (
	markerProgressive = 0xc2
	markerTEM         = 0x01 // stands alone, as RST0 to RST7 and SOI do
	markerRST0        = 0xd0
	markerSOI         = 0xd8
	markerEOI         = 0xd9
	markerScan        = 0xda
	markerAPP1        = 0xe1
)

// jpegSegments walks the marker segments of a JPEG up to its end, over the coded data of the scans and over stray bytes as
// libjpeg-turbo does. A segment comes without its length; one that is cut off ends the walk.
func jpegSegments(data []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for at := 2; at < len(data); {
			next := bytes.IndexByte(data[at:], 0xff)
			if next < 0 || at+next+1 >= len(data) {
				return
			}
			at += next + 1
			marker := data[at]
			switch {
			case marker == 0xff: // fill byte
				continue
			case marker == 0, marker == markerTEM, marker >= markerRST0 && marker <= markerSOI: // no segment
				at++
				continue
			case marker == markerEOI || at+3 > len(data):
				return
			}
			length := int(binary.BigEndian.Uint16(data[at+1:]))
			if length < 2 || at+1+length > len(data) {
				return
			}
			if !yield(marker, data[at+3:at+1+length]) {
				return
			}
			at += 1 + length
		}
	}
}

// decodeJPEG decodes a JPEG of the size that jpegHeader gave. Stray bytes between markers are tolerated, as cameras write them;
// data that end early or do not decode are not: half a picture is no evidence.
func decodeJPEG(data []byte, width, height int, fourChannels bool) (*RGB, error) {
	m := NewRGB(width, height)
	pixels, format := m.Pix, C.int(C.TJPF_RGB)
	if fourChannels {
		pixels, format = make([]byte, 4*width*height), C.TJPF_CMYK
	}
	message := make([]C.char, messageSize)
	rc := C.ekyc_jpeg_decode((*C.uchar)(&data[0]), C.ulong(len(data)), (*C.uchar)(&pixels[0]), C.int(width), C.int(height), format, &message[0])
	text := C.GoString(&message[0])
	if rc < 0 || rc == 1 && !strings.Contains(text, "extraneous bytes") {
		return nil, errors.New(text)
	}
	if fourChannels {
		fromInvertedCMYK(m, pixels)
	}
	return m, nil
}

// fromInvertedCMYK converts the inverted CMYK that Adobe programs write, and every CMYK JPEG in practice is.
func fromInvertedCMYK(m *RGB, cmyk []byte) {
	for i := range m.Width * m.Height {
		k := uint32(cmyk[4*i+3])
		for c := range 3 {
			m.Pix[3*i+c] = byte((uint32(cmyk[4*i+c])*k + 127) / 255)
		}
	}
}

// EncodeJPEG writes the raster as a baseline JPEG (quality 1 to 100; 4:4:4 from 90 on, else 4:2:0) without any metadata.
func EncodeJPEG(m *RGB, quality int) ([]byte, error) {
	var out *C.uchar
	var size C.ulong
	subsampling := C.int(C.TJSAMP_420)
	if quality >= 90 {
		subsampling = C.TJSAMP_444
	}
	rc := C.ekyc_jpeg_encode((*C.uchar)(&m.Pix[0]), C.int(m.Width), C.int(m.Height), C.TJPF_RGB, subsampling, C.int(quality), &out, &size)
	if out != nil {
		defer C.tjFree(out)
	}
	if rc != 0 {
		return nil, errors.New("the JPEG could not be written")
	}
	return C.GoBytes(unsafe.Pointer(out), C.int(size)), nil
}
