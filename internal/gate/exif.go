package gate

import "encoding/binary"

// orientationBlock is the smallest Exif block there is: a directory of one entry, which says how the picture is to be turned, 2 to 8 (TIFF 6.0, section 2,
// and Exif 2.32, tag 0x0112). Turning the picture itself would code it anew, which takes away what shows whether it was altered.
func orientationBlock(orientation int) []byte {
	const orientationTag, shortType = 0x0112, 3
	b := []byte("MM\x00*")
	b = binary.BigEndian.AppendUint32(b, 8) // where the directory begins
	b = binary.BigEndian.AppendUint16(b, 1) // entries
	b = binary.BigEndian.AppendUint16(b, orientationTag)
	b = binary.BigEndian.AppendUint16(b, shortType)
	b = binary.BigEndian.AppendUint32(b, 1) // values
	b = binary.BigEndian.AppendUint16(b, uint16(orientation))
	b = binary.BigEndian.AppendUint16(b, 0)
	return binary.BigEndian.AppendUint32(b, 0) // no further directory
}

// upright is the orientation of pictures that need no turning.
const upright = 1
