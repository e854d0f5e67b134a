package gate

import "encoding/binary"

// mostProfile bounds ICC profiles; those of cameras have some kilobytes, those of presses one or two megabytes.
const mostProfile = 4 << 20

// The parts of an ICC profile (ICC.1:2022, section 7): a header, a table of tags, and the elements that they name.
const (
	profileHeader  = 128
	profileEntry   = 12 // of the table: signature, offset, size
	mostTags       = 100
	profileMagicAt = 36
)

// profileTags are the tags that say what colours are, each with the types that its element may have. The others are texts and descriptions of devices.
var profileTags = map[string][]string{
	"rXYZ": {"XYZ "}, "gXYZ": {"XYZ "}, "bXYZ": {"XYZ "}, "wtpt": {"XYZ "}, "bkpt": {"XYZ "}, "chad": {"sf32"},
	"rTRC": {"curv", "para"}, "gTRC": {"curv", "para"}, "bTRC": {"curv", "para"}, "kTRC": {"curv", "para"},
	"A2B0": tables, "A2B1": tables, "A2B2": tables, "B2A0": tables, "B2A1": tables, "B2A2": tables,
}

var tables = []string{"mft1", "mft2", "mAB ", "mBA "}

// cleanProfile gives an ICC profile with its colour data only: no texts, no times, no names of devices or programs. What is no profile gives nil.
func cleanProfile(p []byte) []byte {
	if len(p) < profileHeader+4 || len(p) > mostProfile || string(p[profileMagicAt:profileMagicAt+4]) != "acsp" {
		return nil
	}
	count := int(binary.BigEndian.Uint32(p[profileHeader:]))
	if count > mostTags || profileHeader+4+count*profileEntry > len(p) {
		return nil
	}
	var c cleanedProfile
	for i := range count {
		entry := p[profileHeader+4+i*profileEntry:]
		at, size := int(binary.BigEndian.Uint32(entry[4:])), int(binary.BigEndian.Uint32(entry[8:]))
		if at > len(p) || size > len(p)-at || size < 8 {
			return nil
		}
		name := string(entry[:4])
		for _, kind := range profileTags[name] {
			if element := p[at : at+size]; string(element[:4]) == kind {
				c.add(name, exactElement(kind, element))
			}
		}
	}
	if len(c.names) == 0 {
		return nil
	}
	const major = 8
	c.describe(p[major])
	return c.bytes(p[:profileHeader])
}

// exactElement cuts what an element has beyond its own data; nil where it has less. Tables are taken whole.
func exactElement(kind string, element []byte) []byte {
	size := len(element)
	switch kind {
	case "XYZ ":
		size = 20
	case "sf32":
		size = 44
	case "curv":
		if size < 12 {
			return nil
		}
		size = 12 + 2*int(binary.BigEndian.Uint32(element[8:]))
	case "para":
		parameters := []int{1, 3, 4, 5, 7}
		if size < 12 || int(binary.BigEndian.Uint16(element[8:])) >= len(parameters) {
			return nil
		}
		size = 12 + 4*parameters[binary.BigEndian.Uint16(element[8:])]
	}
	if size > len(element) {
		return nil
	}
	return element[:size]
}

// cleanedProfile is a profile that is written anew.
type cleanedProfile struct {
	names    []string
	elements [][]byte
}

func (c *cleanedProfile) add(name string, element []byte) {
	if element != nil {
		c.names, c.elements = append(c.names, name), append(c.elements, element)
	}
}

// describe adds the two texts that every profile must have, which say nothing.
func (c *cleanedProfile) describe(major byte) {
	const words = "none"
	if major >= 4 { // multiLocalizedUnicodeType: one record, en-US, UTF-16
		text := []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS\x00\x00\x00\x08\x00\x00\x00\x1c")
		for _, r := range words {
			text = append(text, 0, byte(r))
		}
		c.add("desc", text)
		c.add("cprt", text)
		return
	}
	const unused = 4 + 4 + 2 + 1 + 67 // Unicode and ScriptCode, both empty
	text := append([]byte("desc\x00\x00\x00\x00\x00\x00\x00\x05"+words+"\x00"), make([]byte, unused)...)
	c.add("desc", text)
	c.add("cprt", []byte("text\x00\x00\x00\x00"+words+"\x00"))
}

// bytes writes the profile. Elements that are the same are written once.
func (c *cleanedProfile) bytes(header []byte) []byte {
	out := make([]byte, profileHeader, 4<<10)
	// Kept of the header: version, class, colour space and connection space; rendering intent and illuminant.
	for _, r := range []span{{8, 24}, {profileMagicAt, profileMagicAt + 4}, {64, 80}} {
		copy(out[r.from:r.to], header[r.from:r.to])
	}
	out = binary.BigEndian.AppendUint32(out, uint32(len(c.names)))
	table := len(out)
	out = append(out, make([]byte, len(c.names)*profileEntry)...)
	written := map[string]int{}
	for i, name := range c.names {
		element := c.elements[i]
		at, is := written[string(element)]
		if !is {
			at = len(out)
			written[string(element)] = at
			out = append(out, element...)
			for len(out)%4 != 0 {
				out = append(out, 0)
			}
		}
		entry := out[table+i*profileEntry:]
		copy(entry, name)
		binary.BigEndian.PutUint32(entry[4:], uint32(at))
		binary.BigEndian.PutUint32(entry[8:], uint32(len(element)))
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}
