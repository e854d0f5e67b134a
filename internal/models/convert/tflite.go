package convert

import (
	"fmt"
	"math"
	"slices"
)

// Field numbers of the TensorFlow Lite schema, version 3 (tensorflow/lite/schema/schema.fbs).
const (
	fieldOperatorCodes, fieldSubgraphs, fieldBuffers               = 1, 2, 4
	fieldOldCode, fieldCode                                        = 0, 3
	fieldTensors, fieldInputs, fieldOutputs, fieldOperators        = 0, 1, 2, 3
	fieldShape, fieldType, fieldBuffer, fieldName                  = 0, 1, 2, 3
	fieldCodeIndex, fieldOperands, fieldResults, fieldOptions      = 0, 1, 2, 4
	fieldPadding, fieldStrideWidth, fieldStrideHeight              = 0, 1, 2
	fieldFilterWidth, fieldFilterHeight, fieldPoolActivation       = 3, 4, 5
	fieldConvActivation, fieldDepthwiseActivation                  = 3, 4
	fieldElementwiseActivation, fieldDenseActivation               = 0, 0
	fieldAxis, fieldConcatActivation, fieldSlope, fieldData        = 0, 1, 0, 0
	fieldBeginMask, fieldEndMask                                   = 0, 1
	typeFloat32, typeFloat16, typeInt32, typeInt64                 = 0, 1, 2, 4
	paddingSame, activationNone, activationReLU, activationReLU6   = 0, 0, 1, 3
	tfliteAdd, tfliteAveragePool, tfliteConcatenation              = 0, 1, 2
	tfliteConv, tfliteDepthwiseConv, tfliteDequantize              = 3, 4, 6
	tfliteFullyConnected, tfliteLogistic, tfliteMaxPool, tfliteMul = 9, 14, 17, 18
	tfliteReLU, tfliteReshape, tfliteSub, tfliteStridedSlice       = 19, 22, 41, 45
	tfliteCast, tfliteLess, tfliteGreaterEqual, tfliteLeakyReLU    = 53, 58, 62, 98
	tfliteAbs                                                      = 101
)

// tfliteTensor is a value of the graph; constants have a weight.
type tfliteTensor struct {
	name     string // in the ONNX graph
	shape    []int64
	kind     int
	constant *weight
	written  bool // the constant is in the ONNX graph
}

// tfliteBuilder walks the operators in the order of the file, which is one of evaluation. Tensors stay height-width-channel;
// convolutions and pools are wrapped in transpositions, most of which the runtime's optimiser removes.
type tfliteBuilder struct {
	graph
	tensors []tfliteTensor
}

// tfliteOperator is one node: its code, the indices of its tensors (-1: left out) and its options.
type tfliteOperator struct {
	code              int
	operands, results []int64
	options           flatTable
}

// TFLite converts a TensorFlow Lite file of floats, or of half floats that are widened at its start, to ONNX. Inputs and
// outputs keep their names; the batch, the first dimension of every input, becomes 1.
func TFLite(file []byte) (onnx []byte, err error) {
	defer recoverConversion(&err)
	if len(file) < 8 || string(file[4:8]) != "TFL3" {
		fail("the file is not TensorFlow Lite, version 3")
	}
	root := flatRoot(file)
	subgraphs := root.tables(fieldSubgraphs)
	if len(subgraphs) != 1 {
		fail("the file has %d graphs instead of 1", len(subgraphs))
	}
	b := &tfliteBuilder{}
	b.readTensors(subgraphs[0], root.tables(fieldBuffers))
	b.declare(subgraphs[0])
	codes := root.tables(fieldOperatorCodes)
	for _, t := range subgraphs[0].tables(fieldOperators) {
		index := t.integer(fieldCodeIndex, 0)
		if index < 0 || index >= int64(len(codes)) {
			fail("an operator has no code")
		}
		code := max(codes[index].byteField(fieldOldCode), int(codes[index].integer(fieldCode, 0)))
		b.translate(tfliteOperator{code, t.integers(fieldOperands), t.integers(fieldResults), t.table(fieldOptions)})
	}
	return b.model("tflite"), nil
}

func (b *tfliteBuilder) readTensors(subgraph flatTable, buffers []flatTable) {
	for i, t := range subgraph.tables(fieldTensors) {
		tensor := tfliteTensor{name: fmt.Sprintf("tensor_%d", i), shape: t.integers(fieldShape), kind: t.byteField(fieldType)}
		buffer := t.integer(fieldBuffer, 0)
		if buffer < 0 || buffer >= int64(len(buffers)) {
			fail("tensor %d has no buffer", i)
		}
		if data := buffers[buffer].byteVector(fieldData); len(data) > 0 {
			tensor.constant = readConstant(tensor, data)
		}
		b.tensors = append(b.tensors, tensor)
	}
}

// readConstant decodes the elements of a constant; types that no operator here reads give nil.
func readConstant(t tfliteTensor, data []byte) *weight {
	stored := map[int]string{typeFloat32: "float32", typeFloat16: "float16", typeInt32: "int32"}[t.kind]
	if stored == "" {
		return nil
	}
	w, rest, err := readWeight(weightEntry{Type: stored, Shape: t.shape}, data)
	if err != nil || len(rest) > 0 {
		fail("a constant of shape %v does not fill its buffer", t.shape)
	}
	return w
}

// declare names inputs and outputs as the file does and sets the batch to 1.
func (b *tfliteBuilder) declare(subgraph flatTable) {
	tables := subgraph.tables(fieldTensors)
	for _, i := range subgraph.integers(fieldInputs) {
		t := b.tensor(i)
		t.name = string(tables[i].byteVector(fieldName))
		if len(t.shape) == 0 {
			fail("input %q is a scalar", t.name)
		}
		t.shape[0] = 1
		b.input(t.name, t.shape)
	}
	outputs := subgraph.integers(fieldOutputs)
	if len(outputs) == 0 {
		fail("the graph has no output")
	}
	for _, i := range outputs {
		t := b.tensor(i)
		t.name = string(tables[i].byteVector(fieldName))
		b.output(t.name, nil)
	}
}

func (b *tfliteBuilder) tensor(i int64) *tfliteTensor {
	if i < 0 || i >= int64(len(b.tensors)) {
		fail("tensor %d is not in the file", i)
	}
	return &b.tensors[i]
}

// Operators of one or two operands that have the same meaning in ONNX.
var tfliteSameOperator = map[int]string{
	tfliteAdd: "Add", tfliteSub: "Sub", tfliteMul: "Mul", tfliteReLU: "Relu", tfliteAbs: "Abs", tfliteLogistic: "Sigmoid",
	tfliteLess: "Less", tfliteGreaterEqual: "GreaterOrEqual",
}

func (b *tfliteBuilder) translate(o tfliteOperator) {
	switch o.code {
	case tfliteConv, tfliteDepthwiseConv:
		b.convolution(o)
	case tfliteMaxPool, tfliteAveragePool:
		b.pool(o)
	case tfliteFullyConnected:
		b.dense(o)
	case tfliteDequantize:
		source := b.operandTensor(o, 0)
		if source.constant == nil || source.constant.floats == nil {
			fail("only constants of half floats can be widened")
		}
		b.result(o).constant = source.constant
	case tfliteReshape:
		shape := append([]int64(nil), b.result(o).shape...)
		if len(shape) == 0 {
			fail("a reshape has no shape")
		}
		shape[0] = 1
		b.node("Reshape", []string{b.operand(o, 0), b.vector(shape...)}, []string{b.result(o).name})
	case tfliteConcatenation:
		var in []string
		for i := range o.operands {
			in = append(in, b.operand(o, i))
		}
		b.finish(o, b.apply("Concat", in, intAttribute("axis", o.options.integer(fieldAxis, 0))), o.options.byteField(fieldConcatActivation))
	case tfliteStridedSlice:
		b.slice(o)
	case tfliteCast:
		if b.result(o).kind != typeFloat32 {
			fail("only casts to float are supported")
		}
		b.node("Cast", []string{b.operand(o, 0)}, []string{b.result(o).name}, intAttribute("to", elementFloat))
	case tfliteLeakyReLU:
		b.node("LeakyRelu", []string{b.operand(o, 0)}, []string{b.result(o).name}, floatAttribute("alpha", o.options.float(fieldSlope)))
	default:
		b.elementwise(o)
	}
}

func (b *tfliteBuilder) elementwise(o tfliteOperator) {
	operator := tfliteSameOperator[o.code]
	if operator == "" {
		fail("operator %d is not supported", o.code)
	}
	var in []string
	for i := range o.operands {
		in = append(in, b.operand(o, i))
	}
	activation := activationNone
	if o.code == tfliteAdd || o.code == tfliteSub || o.code == tfliteMul {
		activation = o.options.byteField(fieldElementwiseActivation)
	}
	b.finish(o, b.apply(operator, in), activation)
}

// convolution handles the plain kind (filters output, height, width, input) and the depthwise kind (1, height, width, output).
func (b *tfliteBuilder) convolution(o tfliteOperator) {
	filters := b.operandTensor(o, 1).constant
	if filters == nil || len(filters.shape) != 4 || filters.floats == nil {
		fail("the filters of a convolution are not constant floats of rank 4")
	}
	out, height, width, in := filters.shape[0], filters.shape[1], filters.shape[2], filters.shape[3]
	group, activation, dilation := int64(1), o.options.byteField(fieldConvActivation), 4
	if o.code == tfliteDepthwiseConv {
		if input := b.operandTensor(o, 0).shape; out != 1 || len(input) != 4 || input[3] != in {
			fail("a depthwise convolution has more than one filter a channel")
		}
		out, in, group = in, 1, in
		activation, dilation = o.options.byteField(fieldDepthwiseActivation), 5
	}
	values := make([]float32, 0, len(filters.floats))
	if o.code == tfliteDepthwiseConv {
		values = channelsFirst(values, filters.floats, height, width, out)
	} else {
		for filter := range slices.Chunk(filters.floats, int(max(1, in*height*width))) {
			values = channelsFirst(values, filter, height, width, in)
		}
	}
	inputs := []string{b.toChannelsFirst(b.operand(o, 0)), b.floats(b.fresh(), []int64{out, in, height, width}, values)}
	if bias := b.optional(o, 2); bias != "" {
		inputs = append(inputs, bias)
	}
	y := b.apply("Conv", inputs, o.autoPad(), o.strides(), intAttribute("group", group), intsAttribute("kernel_shape", height, width),
		intsAttribute("dilations", o.options.integer(dilation+1, 1), o.options.integer(dilation, 1)))
	b.finishChannelsFirst(o, y, activation)
}

// channelsFirst appends values, an array of height, width and channels, to result in the order channels, height, width.
func channelsFirst(result, values []float32, height, width, channels int64) []float32 {
	for c := range channels {
		for i := range height * width {
			result = append(result, values[i*channels+c])
		}
	}
	return result
}

func (b *tfliteBuilder) pool(o tfliteOperator) {
	operator := "MaxPool"
	if o.code == tfliteAveragePool {
		operator = "AveragePool"
	}
	kernel := intsAttribute("kernel_shape", o.options.integer(fieldFilterHeight, 1), o.options.integer(fieldFilterWidth, 1))
	y := b.apply(operator, []string{b.toChannelsFirst(b.operand(o, 0))}, o.autoPad(), o.strides(), kernel)
	b.finishChannelsFirst(o, y, o.options.byteField(fieldPoolActivation))
}

// dense multiplies by weights stored as output, input; an operand of higher rank is flattened to rows of the input's length.
func (b *tfliteBuilder) dense(o tfliteOperator) {
	weights := b.operandTensor(o, 1).constant
	if weights == nil || len(weights.shape) != 2 {
		fail("the weights of a dense layer are not a constant matrix")
	}
	rows := b.apply("Reshape", []string{b.operand(o, 0), b.vector(-1, weights.shape[1])})
	inputs := []string{rows, b.operand(o, 1)}
	if bias := b.optional(o, 2); bias != "" {
		inputs = append(inputs, bias)
	}
	b.finish(o, b.apply("Gemm", inputs, intAttribute("transB", 1)), o.options.byteField(fieldDenseActivation))
}

// slice handles strided slices whose bounds are constants; masked bounds are open.
func (b *tfliteBuilder) slice(o tfliteOperator) {
	const ellipsisMask, newAxisMask, shrinkMask = 2, 3, 4
	if o.options.integer(ellipsisMask, 0)|o.options.integer(newAxisMask, 0)|o.options.integer(shrinkMask, 0) != 0 {
		fail("a slice changes the rank")
	}
	var bounds [3][]int64
	for i := range bounds {
		w := b.operandTensor(o, i+1).constant
		if w == nil || w.integers == nil || i > 0 && len(w.integers) != len(bounds[0]) {
			fail("the bounds of a slice are not constant integers")
		}
		bounds[i] = append([]int64(nil), w.integers...)
	}
	axes := make([]int64, len(bounds[0]))
	for i := range axes {
		axes[i] = int64(i)
		if o.options.integer(fieldBeginMask, 0)>>i&1 != 0 {
			bounds[0][i] = 0
		}
		if o.options.integer(fieldEndMask, 0)>>i&1 != 0 {
			bounds[1][i] = math.MaxInt32
		}
		if bounds[2][i] <= 0 {
			fail("a slice runs backwards")
		}
	}
	in := []string{b.operand(o, 0), b.vector(bounds[0]...), b.vector(bounds[1]...), b.vector(axes...), b.vector(bounds[2]...)}
	b.node("Slice", in, []string{b.result(o).name})
}

// finish writes x, after the activation that is fused into the operator, under the name of the operator's result.
func (b *tfliteBuilder) finish(o tfliteOperator, x string, activation int) {
	b.node("Identity", []string{b.activate(x, activation)}, []string{b.result(o).name})
}

// finishChannelsFirst is finish for x with channels first.
func (b *tfliteBuilder) finishChannelsFirst(o tfliteOperator, x string, activation int) {
	b.toChannelsLast(b.activate(x, activation), b.result(o).name)
}

func (b *tfliteBuilder) activate(x string, activation int) string {
	switch activation {
	case activationNone:
		return x
	case activationReLU:
		return b.apply("Relu", []string{x})
	case activationReLU6:
		return b.apply("Clip", []string{x, b.floats(b.fresh(), nil, []float32{0}), b.floats(b.fresh(), nil, []float32{6})})
	}
	fail("activation %d is not supported", activation)
	return ""
}

func (b *tfliteBuilder) operandTensor(o tfliteOperator, i int) *tfliteTensor {
	if i >= len(o.operands) {
		fail("operator %d lacks operand %d", o.code, i)
	}
	return b.tensor(o.operands[i])
}

// operand gives the value name of operand i, writing it into the graph when it is a constant that is not there yet.
func (b *tfliteBuilder) operand(o tfliteOperator, i int) string {
	t := b.operandTensor(o, i)
	switch {
	case t.constant == nil || t.written:
	case t.constant.floats != nil:
		b.floats(t.name, t.shape, t.constant.floats)
		t.written = true
	default:
		b.integers(t.name, t.shape, t.constant.integers)
		t.written = true
	}
	return t.name
}

// optional is operand for one that may be left out: then it is empty.
func (b *tfliteBuilder) optional(o tfliteOperator, i int) string {
	if i >= len(o.operands) || o.operands[i] < 0 {
		return ""
	}
	return b.operand(o, i)
}

func (b *tfliteBuilder) result(o tfliteOperator) *tfliteTensor {
	if len(o.results) != 1 {
		fail("operator %d has %d results instead of 1", o.code, len(o.results))
	}
	return b.tensor(o.results[0])
}

func (o tfliteOperator) autoPad() attribute {
	if o.options.byteField(fieldPadding) == paddingSame {
		return stringAttribute("auto_pad", "SAME_UPPER")
	}
	return stringAttribute("auto_pad", "VALID")
}

func (o tfliteOperator) strides() attribute {
	return intsAttribute("strides", o.options.integer(fieldStrideHeight, 1), o.options.integer(fieldStrideWidth, 1))
}
