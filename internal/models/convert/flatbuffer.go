package convert

import (
	"encoding/binary"
	"math"
)

// flatTable is a table of a FlatBuffer, the encoding of TensorFlow Lite files: at is where it begins. Every access is checked
// against the end of the data and ends the conversion when it lies outside.
type flatTable struct {
	data []byte
	at   int
}

// flatRoot gives the table that the file begins with.
func flatRoot(data []byte) flatTable {
	return flatTable{data, 0}.follow(0)
}

func (t flatTable) bytes(at, size int) []byte {
	if at < 0 || size < 0 || at > len(t.data)-size {
		fail("an offset of the file leads outside it")
	}
	return t.data[at : at+size]
}

func (t flatTable) uint16At(at int) int { return int(binary.LittleEndian.Uint16(t.bytes(at, 2))) }
func (t flatTable) uint32At(at int) int { return int(binary.LittleEndian.Uint32(t.bytes(at, 4))) }
func (t flatTable) int32At(at int) int64 {
	return int64(int32(binary.LittleEndian.Uint32(t.bytes(at, 4))))
}

// follow gives the table that the offset stored at a place leads to.
func (t flatTable) follow(at int) flatTable { return flatTable{t.data, at + t.uint32At(at)} }

// field gives the place of field i, or 0 when the table leaves it out.
func (t flatTable) field(i int) int {
	layout := t.at - int(t.int32At(t.at))
	slot := 4 + 2*i
	if slot >= t.uint16At(layout) {
		return 0
	}
	offset := t.uint16At(layout + slot)
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

func (t flatTable) byteField(i int) int {
	if at := t.field(i); at != 0 {
		return int(t.bytes(at, 1)[0])
	}
	return 0
}

// integer gives a 32-bit field, or absent when the table leaves it out.
func (t flatTable) integer(i int, absent int64) int64 {
	if at := t.field(i); at != 0 {
		return t.int32At(at)
	}
	return absent
}

func (t flatTable) float(i int) float32 {
	if at := t.field(i); at != 0 {
		return math.Float32frombits(uint32(t.uint32At(at)))
	}
	return 0
}

// vector gives place and length of the elements of a vector field.
func (t flatTable) vector(i, elementSize int) (at, length int) {
	field := t.field(i)
	if field == 0 {
		return 0, 0
	}
	at = field + t.uint32At(field)
	length = t.uint32At(at)
	if length > len(t.data)/elementSize {
		fail("a vector of the file is longer than the file")
	}
	t.bytes(at+4, length*elementSize)
	return at + 4, length
}

func (t flatTable) byteVector(i int) []byte {
	at, length := t.vector(i, 1)
	return t.bytes(at, length)
}

func (t flatTable) integers(i int) []int64 {
	at, length := t.vector(i, 4)
	values := make([]int64, length)
	for k := range values {
		values[k] = t.int32At(at + 4*k)
	}
	return values
}

func (t flatTable) tables(i int) []flatTable {
	at, length := t.vector(i, 4)
	found := make([]flatTable, length)
	for k := range found {
		found[k] = t.follow(at + 4*k)
	}
	return found
}

// table gives a sub-table; one that is left out has no fields.
func (t flatTable) table(i int) flatTable {
	if at := t.field(i); at != 0 {
		return t.follow(at)
	}
	return flatTable{[]byte{4, 0, 4, 0, 4, 0, 0, 0}, 4} // a layout of four bytes: no field
}
