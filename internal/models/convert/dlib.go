package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The layers of dlib's face_recognition_resnet_model_v1 in the order of evaluation (dlib, examples/dnn_face_recognition_ex.cpp),
// under the names that face-api gives them. A name with "down" halves the resolution.
var dlibBlocks = strings.Fields(`conv32_1 conv32_2 conv32_3 conv64_down conv64_1 conv64_2 conv64_3
	conv128_down conv128_1 conv128_2 conv256_down conv256_1 conv256_2 conv256_down_out`)

const (
	dlibInputSide = 150
	dlibChannels  = 32  // of the first convolution
	dlibEmbedding = 128 // length of the output
)

// dlibBuilder carries the tensor's side and channels along, because the network's shortcuts are padded by them.
type dlibBuilder struct {
	graph
	weights        map[string]*weight
	side, channels int64
}

// Dlib converts face-api's face_recognition_model (dlib's 128-d residual network, weights quantised to bytes) to ONNX:
// input "input" float [1,3,150,150], output "output" float [1,128], not normalised. The affine scale that follows each
// convolution is folded into its weights.
func Dlib(manifest, data []byte) (onnx []byte, err error) {
	var groups []struct {
		Weights []weightEntry `json:"weights"`
	}
	if err := json.Unmarshal(manifest, &groups); err != nil {
		return nil, fmt.Errorf("weights manifest: %w", err)
	}
	if len(groups) != 1 {
		return nil, fmt.Errorf("weights manifest: %d groups instead of 1", len(groups))
	}
	b := &dlibBuilder{weights: map[string]*weight{}, side: dlibInputSide, channels: dlibChannels}
	if err := readWeights(groups[0].Weights, data, b.weights); err != nil {
		return nil, err
	}
	defer recoverConversion(&err)
	b.build()
	return b.model("face_recognition_resnet"), nil
}

func (b *dlibBuilder) build() {
	b.input("input", []int64{1, 3, dlibInputSide, dlibInputSide})
	x := b.convolution("input", "conv32_down", true, true)
	b.side = pooled(b.side, 7)
	x = b.apply("MaxPool", []string{x}, stringAttribute("auto_pad", "VALID"), intsAttribute("strides", 2, 2), intsAttribute("kernel_shape", 3, 3))
	b.side = pooled(b.side, 3)
	for _, block := range dlibBlocks {
		x = b.residual(x, block)
	}
	mean := b.apply("ReduceMean", []string{x}, intsAttribute("axes", 2, 3), intAttribute("keepdims", 0))
	last := b.weight("fc", 2)
	b.floats("fc", last.shape, last.floats)
	b.node("MatMul", []string{mean, "fc"}, []string{"output"})
	b.output("output", []int64{1, dlibEmbedding})
}

// pooled is the side after a window of the given size with stride 2 and no padding.
func pooled(side, window int64) int64 { return (side-window)/2 + 1 }

func (b *dlibBuilder) residual(x, block string) string {
	if !strings.Contains(block, "down") {
		return b.sum(b.convolution(b.convolution(x, block+"/conv1", false, true), block+"/conv2", false, false), x)
	}
	main := b.convolution(b.convolution(x, block+"/conv1", true, true), block+"/conv2", false, false)
	short := b.apply("AveragePool", []string{x}, stringAttribute("auto_pad", "VALID"), intsAttribute("strides", 2, 2), intsAttribute("kernel_shape", 2, 2))
	mainSide, shortSide := pooled(b.side, 3), pooled(b.side, 2)
	if d := shortSide - mainSide; d != 0 {
		main = b.apply("Pad", []string{main, b.vector(0, 0, 0, 0, 0, 0, d, d)})
	}
	channels := b.weight(block+"/conv2/conv/filters", 4).shape[3]
	if d := channels - b.channels; d != 0 {
		short = b.apply("Pad", []string{short, b.vector(0, 0, 0, 0, 0, d, 0, 0)})
	}
	b.side, b.channels = shortSide, channels
	return b.sum(short, main)
}

func (b *dlibBuilder) sum(x, y string) string {
	return b.apply("Relu", []string{b.apply("Add", []string{x, y})})
}

// convolution adds a convolution whose filters are stored as height, width, input, output.
func (b *dlibBuilder) convolution(x, prefix string, down, relu bool) string {
	filters := b.weight(prefix+"/conv/filters", 4)
	height, width, in, out := filters.shape[0], filters.shape[1], filters.shape[2], filters.shape[3]
	bias := b.vectorOf(prefix+"/conv/bias", out)
	scale, shift := b.vectorOf(prefix+"/scale/weights", out), b.vectorOf(prefix+"/scale/biases", out)
	weights, biases := transposeFilters(filters), make([]float32, out)
	for o := range out {
		for i := range in * height * width {
			weights[o*in*height*width+i] *= scale[o]
		}
		biases[o] = float32(bias[o]*scale[o]) + shift[o]
	}
	inputs := []string{x, b.floats(b.fresh(), []int64{out, in, height, width}, weights), b.floats(b.fresh(), []int64{out}, biases)}
	stride, pad := int64(1), "SAME_UPPER"
	if down {
		stride, pad = 2, "VALID"
	}
	y := b.apply("Conv", inputs, stringAttribute("auto_pad", pad), intsAttribute("strides", stride, stride), intsAttribute("kernel_shape", height, width))
	if relu {
		y = b.apply("Relu", []string{y})
	}
	return y
}

func (b *dlibBuilder) weight(name string, rank int) *weight {
	w := b.weights[name]
	if w == nil || w.floats == nil || len(w.shape) != rank {
		fail("weight %q of rank %d is not in the manifest", name, rank)
	}
	return w
}

func (b *dlibBuilder) vectorOf(name string, length int64) []float32 {
	w := b.weight(name, 1)
	if w.shape[0] != length {
		fail("weight %q has %d values instead of %d", name, w.shape[0], length)
	}
	return w.floats
}

// transposeFilters turns height, width, input, output (TensorFlow) into output, input, height, width (ONNX).
func transposeFilters(w *weight) []float32 {
	height, width, in, out := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	result := make([]float32, len(w.floats))
	for y := range height {
		for x := range width {
			for i := range in {
				for o := range out {
					result[((o*in+i)*height+y)*width+x] = w.floats[((y*width+x)*in+i)*out+o]
				}
			}
		}
	}
	return result
}

// conversionError is how the recursive builders leave on a graph that they do not understand.
type conversionError struct{ error }

var errConversion = errors.New("cannot convert")

func fail(format string, args ...any) {
	panic(conversionError{fmt.Errorf("%w: "+format, append([]any{errConversion}, args...)...)})
}

// recoverConversion turns a conversionError into an ordinary error; any other panic goes on.
func recoverConversion(err *error) {
	switch r := recover().(type) {
	case nil:
	case conversionError:
		*err = r.error
	default:
		panic(r)
	}
}
