package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// maximumElements bounds one tensor, so that a damaged manifest cannot ask for more memory than any model here needs.
const maximumElements = 1 << 26

// errWeightsShort says that the weight file ended before the manifest did.
var errWeightsShort = errors.New("the weight file is shorter than its manifest says")

// quantisation is how TensorFlow.js stores a tensor in fewer bytes: value = stored*scale + min, or half precision.
type quantisation struct {
	Type  string  `json:"dtype"`
	Min   float64 `json:"min"`
	Scale float64 `json:"scale"`
}

// weightEntry is one tensor of a TensorFlow.js weights manifest.
type weightEntry struct {
	Name         string        `json:"name"`
	Type         string        `json:"dtype"`
	Shape        []int64       `json:"shape"`
	Quantisation *quantisation `json:"quantization"`
}

// weight is a tensor read from a manifest: floats or integers, never both.
type weight struct {
	shape    []int64
	floats   []float32
	integers []int64
}

// readWeights cuts data into the tensors that entries describe, in order, and wants every byte used.
func readWeights(entries []weightEntry, data []byte, into map[string]*weight) error {
	for _, entry := range entries {
		w, rest, err := readWeight(entry, data)
		if err != nil {
			return fmt.Errorf("weight %q: %w", entry.Name, err)
		}
		into[entry.Name], data = w, rest
	}
	if len(data) != 0 {
		return fmt.Errorf("the weight file has %d bytes more than its manifest says", len(data))
	}
	return nil
}

func readWeight(entry weightEntry, data []byte) (*weight, []byte, error) {
	count := int64(1)
	for _, d := range entry.Shape {
		if d < 0 || d > maximumElements || count*max(d, 1) > maximumElements {
			return nil, nil, fmt.Errorf("shape %v is out of range", entry.Shape)
		}
		count *= d
	}
	stored := entry.Type
	if entry.Quantisation != nil {
		stored = entry.Quantisation.Type
		if stored == "" { // face-api leaves it out: always one byte
			stored = "uint8"
		}
	}
	size := map[string]int64{"float32": 4, "int32": 4, "float16": 2, "uint16": 2, "uint8": 1, "bool": 1}[stored]
	if size == 0 {
		return nil, nil, fmt.Errorf("unknown type %q", stored)
	}
	if count*size > int64(len(data)) {
		return nil, nil, errWeightsShort
	}
	w := &weight{shape: entry.Shape}
	for i := range count {
		w.add(stored, entry.Quantisation, data[i*size:])
	}
	return w, data[count*size:], nil
}

func (w *weight) add(stored string, q *quantisation, b []byte) {
	switch stored {
	case "float32":
		w.floats = append(w.floats, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case "float16":
		w.floats = append(w.floats, halfPrecision(binary.LittleEndian.Uint16(b)))
	case "uint16":
		w.addQuantised(q, float64(binary.LittleEndian.Uint16(b)), int64(binary.LittleEndian.Uint16(b)))
	case "uint8":
		w.addQuantised(q, float64(b[0]), int64(b[0]))
	case "int32":
		w.integers = append(w.integers, int64(int32(binary.LittleEndian.Uint32(b))))
	case "bool":
		w.integers = append(w.integers, int64(b[0]))
	}
}

func (w *weight) addQuantised(q *quantisation, stored float64, plain int64) {
	if q == nil {
		w.integers = append(w.integers, plain)
		return
	}
	// The explicit conversion keeps the product from being fused with the sum on processors that can: same bytes everywhere.
	w.floats = append(w.floats, float32(float64(stored*q.Scale)+q.Min))
}

// halfPrecision decodes an IEEE 754 binary16 number.
func halfPrecision(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0:
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	default:
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
}
