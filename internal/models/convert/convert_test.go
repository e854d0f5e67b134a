package convert

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// field gives the contents of every length-delimited field of this number.
func field(t *testing.T, m []byte, number protowire.Number) [][]byte {
	t.Helper()
	var found [][]byte
	for len(m) > 0 {
		n, kind, length := protowire.ConsumeTag(m)
		if length < 0 {
			t.Fatal("the file is not a protocol buffer")
		}
		m = m[length:]
		size := protowire.ConsumeFieldValue(n, kind, m)
		if size < 0 {
			t.Fatal("the file is not a protocol buffer")
		}
		if n == number && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(m)
			found = append(found, content)
		}
		m = m[size:]
	}
	return found
}

// operators lists the operator of each node in order.
func operators(t *testing.T, onnx []byte) []string {
	t.Helper()
	var names []string
	for _, node := range field(t, field(t, onnx, modelGraph)[0], graphNode) {
		names = append(names, string(field(t, node, nodeType)[0]))
	}
	return names
}

// constants lists the float constants in order.
func constants(t *testing.T, onnx []byte) [][]float32 {
	t.Helper()
	var found [][]float32
	for _, tensor := range field(t, field(t, onnx, modelGraph)[0], graphInit) {
		raw := field(t, tensor, tensorRaw)[0]
		var values []float32
		for at := 0; at+4 <= len(raw); at += 4 {
			values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw[at:])))
		}
		found = append(found, values)
	}
	return found
}

func valueNames(t *testing.T, onnx []byte, number protowire.Number) []string {
	t.Helper()
	var names []string
	for _, value := range field(t, field(t, onnx, modelGraph)[0], number) {
		names = append(names, string(field(t, value, valueName)[0]))
	}
	return names
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func floatBytes(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// tinyTFJS is a graph of one convolution of 1x2 filters from 2 channels to 3, with bias and ReLU, and a reshape of its output.
func tinyTFJS(operator string) []byte {
	return []byte(`{"modelTopology":{"node":[
	{"name":"picture","op":"Placeholder","attr":{"shape":{"shape":{"dim":[{"size":"-1"},{"size":"4"},{"size":"4"},{"size":"2"}]}}}},
	{"name":"filters","op":"Const"},{"name":"bias","op":"Const"},{"name":"shape","op":"Const"},
	{"name":"features","op":"` + operator + `","input":["picture","filters","bias"],"attr":{
		"padding":{"s":"` + encoded("SAME") + `"},"strides":{"list":{"i":["1","2","2","1"]}},
		"fused_ops":{"list":{"s":["` + encoded("BiasAdd") + `","` + encoded("Relu") + `"]}}}},
	{"name":"flat","op":"Reshape","input":["features:0","shape"]}]},
	"weightsManifest":[{"paths":["shards/a.bin","shards/b.bin"],"weights":[
	{"name":"filters","dtype":"float32","shape":[1,2,2,3],"quantization":{"dtype":"uint8","scale":0.5,"min":-1}},
	{"name":"bias","dtype":"float32","shape":[3]},
	{"name":"shape","dtype":"int32","shape":[2]}]}]}`)
}

func tinyShards() map[string][]byte {
	var data []byte
	for i := range 12 {
		data = append(data, byte(i))
	}
	data = append(data, floatBytes(7, 8, 9)...)
	for _, v := range []int32{1, -1} {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return map[string][]byte{"a.bin": data[:5], "b.bin": data[5:]}
}

func TestTFJSConvertsAConvolution(t *testing.T) {
	t.Parallel()
	onnx, err := TFJS(tinyTFJS("_FusedConv2D"), tinyShards())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Transpose", "Conv", "Transpose", "Relu", "Reshape"}, operators(t, onnx)); diff != "" {
		t.Error(diff)
	}
	// Stored filter value k (height, width, in, out) = [0, w, i, o] is (w*2+i)*3+o, decoded to half of it minus 1.
	var want []float32
	for o := range 3 {
		for i := range 2 {
			for w := range 2 {
				want = append(want, float32((w*2+i)*3+o)/2-1)
			}
		}
	}
	if diff := cmp.Diff([][]float32{want, {7, 8, 9}}, constants(t, onnx)[:2]); diff != "" {
		t.Error(diff)
	}
	if in, out := valueNames(t, onnx, graphInput), valueNames(t, onnx, graphOutput); !slices.Equal(in, []string{"picture"}) || !slices.Equal(out, []string{"flat"}) {
		t.Errorf("inputs %v, outputs %v", in, out)
	}
}

func TestTFJSConvertsADepthwiseConvolution(t *testing.T) {
	t.Parallel()
	onnx, err := TFJS(tinyTFJS("FusedDepthwiseConv2dNative"), tinyShards())
	if err != nil {
		t.Fatal(err)
	}
	var want []float32
	for i := range 2 {
		for m := range 3 {
			for w := range 2 {
				want = append(want, float32((w*2+i)*3+m)/2-1)
			}
		}
	}
	if diff := cmp.Diff(want, constants(t, onnx)[0]); diff != "" {
		t.Error(diff)
	}
}

func TestConversionIsDeterministic(t *testing.T) {
	t.Parallel()
	manifest, weights := tinyDlib()
	for name, convert := range map[string]func() ([]byte, error){
		"tfjs": func() ([]byte, error) { return TFJS(tinyTFJS("Conv2D"), tinyShards()) },
		"dlib": func() ([]byte, error) { return Dlib(manifest, weights) },
	} {
		first, err := convert()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 5 {
			if again, err := convert(); err != nil || !bytes.Equal(first, again) {
				t.Fatalf("%s: two conversions of the same bytes differ (%v)", name, err)
			}
		}
	}
}

func TestTFJSRefuses(t *testing.T) {
	t.Parallel()
	good := string(tinyTFJS("Conv2D"))
	for _, bend := range [][2]string{
		{`"op":"Reshape"`, `"op":"Erosion"`},
		{`"input":["features:0","shape"]`, `"input":["absent","shape"]`},
		{`"input":["features:0","shape"]`, `"input":["features:0"]`},
		{`"input":["picture","filters","bias"]`, `"input":["picture","features","bias"]`},
		{`"shape":[3]`, `"shape":[4]`},
		{`"shape":[3]`, `"shape":[2]`},
		{`"shape":[3]`, `"shape":[-3]`},
		{`"shape":[3]`, `"shape":[67108864,67108864,67108864]`},
		{`"dtype":"int32"`, `"dtype":"string"`},
		{`"shards/b.bin"`, `"shards/c.bin"`},
		{`"size":"4"`, `"size":"four"`},
	} {
		bent := strings.Replace(good, bend[0], bend[1], 1)
		if bent == good {
			t.Fatalf("%q does not occur", bend[0])
		}
		if _, err := TFJS([]byte(bent), tinyShards()); err == nil {
			t.Errorf("accepted with %s in place of %s", bend[1], bend[0])
		}
	}
	if _, err := TFJS([]byte(strings.Replace(good, "Reshape", "Erosion", 1)), tinyShards()); !errors.Is(err, errConversion) {
		t.Errorf("an unknown operator gives %v", err)
	}
}

// tinyDlib is the dlib network with one channel everywhere but in the blocks that change the count, filters of one pixel.
func tinyDlib() (manifest, weights []byte) {
	var entries []weightEntry
	add := func(name string, shape ...int64) {
		count := int64(1)
		for _, d := range shape {
			count *= d
		}
		entries = append(entries, weightEntry{Name: name, Shape: shape, Quantisation: &quantisation{Scale: 1}})
		for i := range count {
			weights = append(weights, byte(1+i%3))
		}
	}
	layer := func(prefix string, in, out int64) {
		add(prefix+"/conv/filters", 1, 1, in, out)
		add(prefix+"/conv/bias", out)
		add(prefix+"/scale/weights", out)
		add(prefix+"/scale/biases", out)
	}
	layer("conv32_down", 3, dlibChannels)
	channels := int64(dlibChannels)
	for _, block := range dlibBlocks {
		out := channels
		if block == "conv64_down" {
			out = channels + 1
		}
		layer(block+"/conv1", channels, out)
		layer(block+"/conv2", out, out)
		channels = out
	}
	add("fc", channels, dlibEmbedding)
	manifest, err := json.Marshal([]map[string]any{{"weights": entries}})
	if err != nil {
		panic(err)
	}
	return manifest, weights
}

func TestDlibFoldsTheScaleIntoTheConvolution(t *testing.T) {
	t.Parallel()
	manifest, weights := tinyDlib()
	onnx, err := Dlib(manifest, weights)
	if err != nil {
		t.Fatal(err)
	}
	found := constants(t, onnx)
	for o := range dlibChannels {
		value := func(k int) float32 { return float32(1 + k%3) }
		for i := range 3 {
			if got, want := found[0][o*3+i], value(i*dlibChannels+o)*value(o); got != want {
				t.Fatalf("filter %d of channel %d is %g instead of %g", i, o, got, want)
			}
		}
		if got, want := found[1][o], value(o)*value(o)+value(o); got != want {
			t.Fatalf("bias %d is %g instead of %g", o, got, want)
		}
	}
	count := map[string]int{}
	for _, name := range operators(t, onnx) {
		count[name]++
	}
	// 29 convolutions are what dlib's author counts; four blocks halve the resolution; one of them here widens the channels.
	want := map[string]int{"Conv": 29, "MaxPool": 1, "AveragePool": 4, "Add": 14, "Relu": 29, "ReduceMean": 1, "MatMul": 1}
	delete(count, "Pad")
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
}

func TestDlibRefuses(t *testing.T) {
	t.Parallel()
	manifest, weights := tinyDlib()
	if _, err := Dlib(manifest, weights[:len(weights)-1]); !errors.Is(err, errWeightsShort) {
		t.Errorf("short weights: %v", err)
	}
	if _, err := Dlib(manifest, append(slices.Clone(weights), 0)); err == nil {
		t.Error("long weights are accepted")
	}
	if _, err := Dlib(bytes.Replace(manifest, []byte(`"fc"`), []byte(`"fd"`), 1), weights); !errors.Is(err, errConversion) {
		t.Errorf("a missing layer: %v", err)
	}
	if _, err := Dlib([]byte("[]"), nil); err == nil {
		t.Error("an empty manifest is accepted")
	}
}

func TestHalfPrecision(t *testing.T) {
	t.Parallel()
	for bits, want := range map[uint16]float32{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: 1.0 / (1 << 24), 0x03ff: 1023.0 / (1 << 24), 0x3555: 0.333251953125, 0x8000: 0} {
		if got := halfPrecision(bits); got != want {
			t.Errorf("%#04x is %g instead of %g", bits, got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		bits := rapid.Uint16Range(0, 0x7bff).Draw(r, "bits")
		exponent, fraction := int(bits>>10), float64(bits&1023)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		if exponent == 0 {
			want = math.Ldexp(fraction/1024, -14)
		}
		if got := halfPrecision(bits); float64(got) != want || halfPrecision(bits|0x8000) != -got {
			r.Fatalf("%#04x is %g instead of %g", bits, got, want)
		}
	})
}

func FuzzTFJS(f *testing.F) {
	f.Add(tinyTFJS("Conv2D"), []byte("0123456789abcdef"))
	f.Add(tinyTFJS("MaxPool"), slices.Concat(tinyShards()["a.bin"], tinyShards()["b.bin"]))
	f.Fuzz(func(t *testing.T, model, data []byte) {
		onnx, err := TFJS(model, map[string][]byte{"a.bin": data, "b.bin": nil})
		if err == nil && len(onnx) == 0 {
			t.Error("neither a file nor an error")
		}
	})
}

func FuzzDlib(f *testing.F) {
	manifest, weights := tinyDlib()
	f.Add(manifest, weights)
	f.Add([]byte(fmt.Sprintf(`[{"weights":[{"name":"fc","dtype":"float32","shape":[%d]}]}]`, 1<<40)), []byte{1})
	f.Fuzz(func(t *testing.T, manifest, data []byte) {
		onnx, err := Dlib(manifest, data)
		if err == nil && len(onnx) == 0 {
			t.Error("neither a file nor an error")
		}
	})
}
