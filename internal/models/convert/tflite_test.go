package convert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// flatFields is a table to be written: field number to byte, int32, float32, []byte, []int32, flatFields or []flatFields.
type flatFields map[int]any

// flatFile writes tables front to back: each with its layout before it and what it refers to behind it.
type flatFile struct{ data []byte }

func (f *flatFile) uint32At(at int, v int) { binary.LittleEndian.PutUint32(f.data[at:], uint32(v)) }
func (f *flatFile) align() {
	for len(f.data)%4 != 0 {
		f.data = append(f.data, 0)
	}
}

// table appends t and gives its place.
func (f *flatFile) table(t flatFields) int {
	last := -1
	for i := range t {
		last = max(last, i)
	}
	f.align()
	layout := len(f.data)
	f.data = append(f.data, make([]byte, 4+2*(last+1))...)
	f.align()
	at := len(f.data)
	f.data = append(f.data, make([]byte, 4*(last+2))...)
	binary.LittleEndian.PutUint16(f.data[layout:], uint16(4+2*(last+1)))
	binary.LittleEndian.PutUint16(f.data[layout+2:], uint16(4*(last+2)))
	f.uint32At(at, at-layout)
	for i := range last + 1 {
		value, ok := t[i]
		if !ok {
			continue
		}
		slot := at + 4*(i+1)
		binary.LittleEndian.PutUint16(f.data[layout+4+2*i:], uint16(slot-at))
		f.value(slot, value)
	}
	return at
}

func (f *flatFile) value(slot int, value any) {
	switch v := value.(type) {
	case byte:
		f.data[slot] = v
	case int32:
		f.uint32At(slot, int(v))
	case float32:
		f.uint32At(slot, int(math.Float32bits(v)))
	case flatFields:
		f.uint32At(slot, f.table(v)-slot)
	case []byte:
		f.vector(slot, len(v), v)
	case []int32:
		var raw []byte
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
		}
		f.vector(slot, len(v), raw)
	case []flatFields:
		at := f.vector(slot, len(v), make([]byte, 4*len(v)))
		for i, t := range v {
			f.uint32At(at+4*i, f.table(t)-(at+4*i))
		}
	default:
		panic("a value that no table holds")
	}
}

// vector appends length and elements, points slot to them and gives the place of the elements.
func (f *flatFile) vector(slot, length int, raw []byte) int {
	f.align()
	at := len(f.data)
	f.uint32At(slot, at-slot)
	f.data = binary.LittleEndian.AppendUint32(f.data, uint32(length))
	f.data = append(f.data, raw...)
	return at + 4
}

// tfliteFile writes a file of one graph whose constants are the tensors with data.
func tfliteFile(codes []byte, tensors []flatFields, data [][]byte, inputs, outputs []int32, operators []flatFields) []byte {
	f := &flatFile{data: []byte{0, 0, 0, 0, 'T', 'F', 'L', '3'}}
	var operatorCodes, buffers []flatFields
	for _, c := range codes {
		operatorCodes = append(operatorCodes, flatFields{fieldOldCode: c})
	}
	for i := range tensors {
		tensors[i][fieldBuffer] = int32(i)
		buffers = append(buffers, flatFields{})
		if data[i] != nil {
			buffers[i][fieldData] = data[i]
		}
	}
	graph := flatFields{fieldTensors: tensors, fieldInputs: inputs, fieldOutputs: outputs, fieldOperators: operators}
	root := f.table(flatFields{fieldOperatorCodes: operatorCodes, fieldSubgraphs: []flatFields{graph}, fieldBuffers: buffers})
	f.uint32At(0, root)
	return f.data
}

func tensorOf(name string, kind byte, shape ...int32) flatFields {
	return flatFields{fieldName: []byte(name), fieldType: kind, fieldShape: shape}
}

func operatorOf(code int32, operands []int32, result int32, options flatFields) flatFields {
	return flatFields{fieldCodeIndex: code, fieldOperands: operands, fieldResults: []int32{result}, fieldOptions: options}
}

// tinyTFLite is a convolution of 1x2 filters from 2 channels to 3 with bias and ReLU, a leaky ReLU, and a dense layer of half floats.
func tinyTFLite() []byte {
	var filters []float32
	for i := range 12 {
		filters = append(filters, float32(i))
	}
	halves := []byte{0x00, 0x3c, 0x00, 0x40, 0x00, 0x42} // 1, 2, 3
	tensors := []flatFields{
		tensorOf("picture", typeFloat32, 2, 1, 1, 2), tensorOf("filters", typeFloat32, 3, 1, 2, 2), tensorOf("bias", typeFloat32, 3),
		tensorOf("features", typeFloat32, 2, 1, 1, 3), tensorOf("leaky", typeFloat32, 2, 1, 1, 3), tensorOf("halves", typeFloat16, 1, 3),
		tensorOf("dense", typeFloat32, 1, 3), tensorOf("score", typeFloat32, 2, 1),
	}
	data := make([][]byte, len(tensors))
	data[1], data[2], data[5] = floatBytes(filters...), floatBytes(7, 8, 9), halves
	operators := []flatFields{
		operatorOf(0, []int32{5}, 6, flatFields{}),
		operatorOf(1, []int32{0, 1, 2}, 3, flatFields{fieldStrideWidth: int32(2), fieldStrideHeight: int32(1), fieldConvActivation: byte(activationReLU)}),
		operatorOf(2, []int32{3}, 4, flatFields{fieldSlope: float32(0.25)}),
		operatorOf(3, []int32{4, 6, -1}, 7, flatFields{}),
	}
	return tfliteFile([]byte{tfliteDequantize, tfliteConv, tfliteLeakyReLU, tfliteFullyConnected}, tensors, data, []int32{0}, []int32{7}, operators)
}

func TestTFLiteConverts(t *testing.T) {
	t.Parallel()
	onnx, err := TFLite(tinyTFLite())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Transpose", "Conv", "Relu", "Transpose", "LeakyRelu", "Reshape", "Gemm", "Identity"}, operators(t, onnx)); diff != "" {
		t.Error(diff)
	}
	// Stored filter value (out, height, width, in) = [o, 0, w, i] is (o*2+w)*2+i.
	var want []float32
	for o := range 3 {
		for i := range 2 {
			for w := range 2 {
				want = append(want, float32((o*2+w)*2+i))
			}
		}
	}
	found := constants(t, onnx)
	if diff := cmp.Diff([][]float32{want, {7, 8, 9}}, found[:2]); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(found, func(c []float32) bool { return slices.Equal(c, []float32{1, 2, 3}) }) {
		t.Errorf("the half floats are not among the constants %v", found)
	}
	if in, out := valueNames(t, onnx, graphInput), valueNames(t, onnx, graphOutput); !slices.Equal(in, []string{"picture"}) || !slices.Equal(out, []string{"score"}) {
		t.Errorf("inputs %v, outputs %v", in, out)
	}
	again, err := TFLite(tinyTFLite())
	if err != nil || !bytes.Equal(onnx, again) {
		t.Errorf("two conversions of the same bytes differ (%v)", err)
	}
}

func TestTFLiteConvertsADepthwiseConvolution(t *testing.T) {
	t.Parallel()
	tensors := []flatFields{tensorOf("picture", typeFloat32, 1, 1, 1, 3), tensorOf("filters", typeFloat32, 1, 1, 2, 3), tensorOf("features", typeFloat32, 1, 1, 1, 3)}
	file := tfliteFile([]byte{tfliteDepthwiseConv}, tensors, [][]byte{nil, floatBytes(0, 1, 2, 3, 4, 5), nil}, []int32{0}, []int32{2},
		[]flatFields{operatorOf(0, []int32{0, 1}, 2, flatFields{fieldDepthwiseActivation: byte(activationReLU6)})})
	onnx, err := TFLite(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{0, 3, 1, 4, 2, 5}, constants(t, onnx)[0]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Transpose", "Conv", "Clip", "Transpose"}, operators(t, onnx)); diff != "" {
		t.Error(diff)
	}
}

func TestTFLiteConvertsTheRoutingOfATree(t *testing.T) {
	t.Parallel()
	integers := func(values ...uint32) []byte {
		var b []byte
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		return b
	}
	tensors := []flatFields{
		tensorOf("score", typeFloat32, 1, 4), tensorOf("begin", typeInt32, 2), tensorOf("end", typeInt32, 2), tensorOf("step", typeInt32, 2),
		tensorOf("part", typeFloat32, 1, 2), tensorOf("limit", typeFloat32), tensorOf("below", 6, 1, 2), tensorOf("mask", typeFloat32, 1, 2),
		tensorOf("masks", typeFloat32, 1, 4),
	}
	data := make([][]byte, len(tensors))
	data[1], data[2], data[3], data[5] = integers(0, 1), integers(1, 3), integers(1, 1), floatBytes(0.5)
	file := tfliteFile([]byte{tfliteStridedSlice, tfliteLess, tfliteCast, tfliteConcatenation}, tensors, data, []int32{0}, []int32{8}, []flatFields{
		operatorOf(0, []int32{0, 1, 2, 3}, 4, flatFields{fieldBeginMask: int32(1), fieldEndMask: int32(1)}),
		operatorOf(1, []int32{4, 5}, 6, flatFields{}),
		operatorOf(2, []int32{6}, 7, flatFields{}),
		operatorOf(3, []int32{7, 7}, 8, flatFields{fieldAxis: int32(-1)}),
	})
	onnx, err := TFLite(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Slice", "Less", "Identity", "Cast", "Concat", "Identity"}, operators(t, onnx)); diff != "" {
		t.Error(diff)
	}
}

func TestTFLiteRefuses(t *testing.T) {
	t.Parallel()
	good := tinyTFLite()
	if _, err := TFLite(good); err != nil {
		t.Fatalf("the unbent file is refused: %v", err)
	}
	for name, file := range map[string][]byte{
		"empty":       nil,
		"cut":         good[:len(good)/2],
		"other magic": append(slices.Clone(good[:4]), append([]byte("TFL2"), good[8:]...)...),
		"unknown operator": tfliteFile([]byte{120}, []flatFields{tensorOf("a", typeFloat32, 1), tensorOf("b", typeFloat32, 1)}, make([][]byte, 2),
			[]int32{0}, []int32{1}, []flatFields{operatorOf(0, []int32{0}, 1, flatFields{})}),
		"absent tensor": tfliteFile([]byte{tfliteAbs}, []flatFields{tensorOf("a", typeFloat32, 1)}, make([][]byte, 1),
			[]int32{0}, []int32{0}, []flatFields{operatorOf(0, []int32{9}, 0, flatFields{})}),
		"no output": tfliteFile([]byte{tfliteAbs}, []flatFields{tensorOf("a", typeFloat32, 1)}, make([][]byte, 1), []int32{0}, nil, nil),
	} {
		if _, err := TFLite(file); !errors.Is(err, errConversion) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzTFLite(f *testing.F) {
	f.Add(tinyTFLite())
	f.Fuzz(func(t *testing.T, file []byte) {
		onnx, err := TFLite(file)
		if err == nil && len(onnx) == 0 {
			t.Error("neither a file nor an error")
		}
	})
}
