package convert

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// The parts of a TensorFlow.js graph model (model.json) that conversion needs.
type (
	tfjsModel struct {
		Topology struct {
			Nodes []tfjsNode `json:"node"`
		} `json:"modelTopology"`
		Manifest []struct {
			Paths   []string      `json:"paths"`
			Weights []weightEntry `json:"weights"`
		} `json:"weightsManifest"`
	}
	tfjsNode struct {
		Name       string                   `json:"name"`
		Operator   string                   `json:"op"`
		Inputs     []string                 `json:"input"`
		Attributes map[string]tfjsAttribute `json:"attr"`
	}
	tfjsAttribute struct {
		Text string `json:"s"` // base64
		Flag bool   `json:"b"`
		List *struct {
			Integers []json.Number `json:"i"`
			Texts    []string      `json:"s"`
		} `json:"list"`
		Shape *struct {
			Dims []struct {
				Size json.Number `json:"size"`
			} `json:"dim"`
		} `json:"shape"`
	}
)

// tfjsBuilder walks the graph from its outputs. Tensors stay height-width-channel; convolutions and pools are wrapped in
// transpositions, most of which the runtime's optimiser removes.
type tfjsBuilder struct {
	graph
	nodes   map[string]*tfjsNode
	weights map[string]*weight
	visited map[string]bool
	written map[string]bool // constants already in the graph
}

// TFJS converts a TensorFlow.js graph model to ONNX. shards holds the weight files by their base name. Inputs and outputs keep
// their names; an open batch dimension becomes 1. Outputs are all nodes that no other node reads, in the order of the file.
func TFJS(modelJSON []byte, shards map[string][]byte) (onnx []byte, err error) {
	var m tfjsModel
	if err := json.Unmarshal(modelJSON, &m); err != nil {
		return nil, fmt.Errorf("model.json: %w", err)
	}
	b := &tfjsBuilder{nodes: map[string]*tfjsNode{}, weights: map[string]*weight{}, visited: map[string]bool{}, written: map[string]bool{}}
	for _, group := range m.Manifest {
		var data []byte
		for _, p := range group.Paths {
			shard, ok := shards[path.Base(p)]
			if !ok {
				return nil, fmt.Errorf("weight file %q is not given", p)
			}
			data = append(data, shard...)
		}
		if err := readWeights(group.Weights, data, b.weights); err != nil {
			return nil, err
		}
	}
	defer recoverConversion(&err)
	b.build(m.Topology.Nodes)
	return b.model("tfjs"), nil
}

func (b *tfjsBuilder) build(nodes []tfjsNode) {
	read := map[string]bool{}
	for i := range nodes {
		b.nodes[nodes[i].Name] = &nodes[i]
		for _, in := range nodes[i].Inputs {
			read[cleanName(in)] = true
		}
	}
	outputs := 0
	for _, n := range nodes {
		if !read[n.Name] && n.Operator != "Const" && n.Operator != "Placeholder" {
			b.visit(n.Name)
			b.output(n.Name, nil)
			outputs++
		}
	}
	if outputs == 0 {
		fail("the graph has no output")
	}
}

// cleanName strips the control mark and the output number from a reference.
func cleanName(reference string) string {
	return strings.TrimSuffix(strings.TrimPrefix(reference, "^"), ":0")
}

// visit adds the named node after everything that it reads.
func (b *tfjsBuilder) visit(reference string) {
	name := cleanName(reference)
	if b.visited[name] || b.weights[name] != nil {
		return
	}
	b.visited[name] = true
	n := b.nodes[name]
	if n == nil {
		fail("node %q is read and not defined", name)
	}
	for _, in := range n.Inputs {
		b.visit(in)
	}
	b.translate(n)
}

// Operators that have the same meaning and the same operands in ONNX.
var sameOperator = map[string]string{
	"AddV2": "Add", "Add": "Add", "BiasAdd": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "Maximum": "Max", "Minimum": "Min",
	"Prelu": "PRelu", "Relu": "Relu", "Sigmoid": "Sigmoid", "Identity": "Identity", "Abs": "Abs", "Tanh": "Tanh", "Neg": "Neg",
	"Exp": "Exp", "Sqrt": "Sqrt",
}

func (b *tfjsBuilder) translate(n *tfjsNode) {
	switch n.Operator {
	case "Placeholder":
		b.placeholder(n)
	case "_FusedConv2D", "Conv2D":
		b.convolution(n, false)
	case "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative":
		b.convolution(n, true)
	case "MaxPool", "AvgPool":
		b.pool(n)
	case "Pad", "PadV2":
		b.padding(n)
	case "Reshape":
		b.node("Reshape", []string{b.operand(n, 0), b.vector(b.constantIntegers(n, 1)...)}, []string{n.Name})
	case "Squeeze":
		b.node("Squeeze", []string{b.operand(n, 0), b.vector(n.integers("squeeze_dims")...)}, []string{n.Name})
	case "_FusedMatMul", "MatMul":
		b.matrixProduct(n)
	case "Mean":
		b.node("ReduceMean", []string{b.operand(n, 0)}, []string{n.Name},
			intsAttribute("axes", b.constantIntegers(n, 1)...), intAttribute("keepdims", n.flag("keep_dims")))
	case "ConcatV2":
		last := len(n.Inputs) - 1
		var in []string
		for i := range last {
			in = append(in, b.operand(n, i))
		}
		b.node("Concat", in, []string{n.Name}, intAttribute("axis", b.constantIntegers(n, last)[0]))
	case "Softmax":
		b.node("Softmax", []string{b.operand(n, 0)}, []string{n.Name}, intAttribute("axis", -1))
	default:
		operator := sameOperator[n.Operator]
		if operator == "" {
			fail("operator %q of node %q is not supported", n.Operator, n.Name)
		}
		var in []string
		for i := range n.Inputs {
			in = append(in, b.operand(n, i))
		}
		b.node(operator, in, []string{n.Name})
	}
}

func (b *tfjsBuilder) placeholder(n *tfjsNode) {
	shape := n.Attributes["shape"].Shape
	if shape == nil {
		fail("input %q has no shape", n.Name)
	}
	var dims []int64
	for _, d := range shape.Dims {
		size, err := strconv.ParseInt(string(d.Size), 10, 64)
		if err != nil {
			fail("input %q: dimension %q", n.Name, d.Size)
		}
		if size < 0 {
			size = 1
		}
		dims = append(dims, size)
	}
	b.input(n.Name, dims)
}

// convolution handles the plain and the depthwise kind, with bias and activation when they are fused into the node.
func (b *tfjsBuilder) convolution(n *tfjsNode, depthwise bool) {
	filters := b.constant(n, 1)
	if len(filters.shape) != 4 || filters.floats == nil {
		fail("the filters of %q are not floats of rank 4", n.Name)
	}
	height, width, in, out := filters.shape[0], filters.shape[1], filters.shape[2], filters.shape[3]
	values, shape, group := []float32(nil), []int64{out, in, height, width}, int64(1)
	if depthwise {
		values, shape, group = transposeDepthwise(filters), []int64{in * out, 1, height, width}, in
	} else {
		values = transposeFilters(filters)
	}
	inputs := []string{b.toChannelsFirst(b.operand(n, 0)), b.floats(b.fresh(), shape, values)}
	biased, activation := n.fused()
	if biased {
		bias := b.constant(n, 2)
		inputs = append(inputs, b.floats(b.fresh(), []int64{int64(len(bias.floats))}, bias.floats))
	}
	strides, dilations := n.window("strides"), n.window("dilations")
	y := b.apply("Conv", inputs, n.autoPad(), intsAttribute("strides", strides[0], strides[1]),
		intsAttribute("dilations", dilations[0], dilations[1]), intAttribute("group", group), intsAttribute("kernel_shape", height, width))
	if activation == "" {
		b.toChannelsLast(y, n.Name)
		return
	}
	z := b.fresh()
	b.toChannelsLast(y, z)
	b.activate(n, activation, z)
}

// transposeDepthwise turns height, width, input, multiplier into input*multiplier, 1, height, width.
func transposeDepthwise(w *weight) []float32 {
	height, width, in, multiplier := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	result := make([]float32, len(w.floats))
	for y := range height {
		for x := range width {
			for i := range in {
				for m := range multiplier {
					result[((i*multiplier+m)*height+y)*width+x] = w.floats[((y*width+x)*in+i)*multiplier+m]
				}
			}
		}
	}
	return result
}

// activate writes the activation that is fused into n; a learned one has its slope as n's last input.
func (b *tfjsBuilder) activate(n *tfjsNode, kind, x string) {
	switch kind {
	case "Relu", "Sigmoid", "Elu":
		b.node(kind, []string{x}, []string{n.Name})
	case "Relu6":
		low, high := b.floats(b.fresh(), nil, []float32{0}), b.floats(b.fresh(), nil, []float32{6})
		b.node("Clip", []string{x, low, high}, []string{n.Name})
	case "Prelu":
		b.node("PRelu", []string{x, b.operand(n, len(n.Inputs)-1)}, []string{n.Name})
	default:
		fail("activation %q of node %q is not supported", kind, n.Name)
	}
}

func (b *tfjsBuilder) pool(n *tfjsNode) {
	operator := "MaxPool"
	if n.Operator == "AvgPool" {
		operator = "AveragePool"
	}
	kernel, strides := n.window("ksize"), n.window("strides")
	y := b.apply(operator, []string{b.toChannelsFirst(b.operand(n, 0))}, n.autoPad(),
		intsAttribute("strides", strides[0], strides[1]), intsAttribute("kernel_shape", kernel[0], kernel[1]))
	b.toChannelsLast(y, n.Name)
}

// padding turns pairs of before and after into ONNX's order: all befores, then all afters.
func (b *tfjsBuilder) padding(n *tfjsNode) {
	pairs := b.constantIntegers(n, 1)
	amounts, rank := make([]int64, len(pairs)), len(pairs)/2
	for i := range rank {
		amounts[i], amounts[rank+i] = pairs[2*i], pairs[2*i+1]
	}
	b.node("Pad", []string{b.operand(n, 0), b.vector(amounts...)}, []string{n.Name})
}

func (b *tfjsBuilder) matrixProduct(n *tfjsNode) {
	y := b.apply("MatMul", []string{b.operand(n, 0), b.operand(n, 1)})
	biased, activation := n.fused()
	if biased {
		y = b.apply("Add", []string{y, b.operand(n, 2)})
	}
	if activation == "" {
		b.node("Identity", []string{y}, []string{n.Name})
		return
	}
	b.activate(n, activation, y)
}

// operand gives the value name of input i, writing it into the graph when it is a constant that is not there yet.
func (b *tfjsBuilder) operand(n *tfjsNode, i int) string {
	if i >= len(n.Inputs) {
		fail("node %q has no input %d", n.Name, i)
	}
	name := cleanName(n.Inputs[i])
	w := b.weights[name]
	if w == nil || b.written[name] {
		return name
	}
	b.written[name] = true
	if w.floats != nil {
		return b.floats(name, w.shape, w.floats)
	}
	return b.integers(name, w.shape, w.integers)
}

func (b *tfjsBuilder) constant(n *tfjsNode, i int) *weight {
	if i >= len(n.Inputs) || b.weights[cleanName(n.Inputs[i])] == nil {
		fail("input %d of node %q is not a constant", i, n.Name)
	}
	return b.weights[cleanName(n.Inputs[i])]
}

func (b *tfjsBuilder) constantIntegers(n *tfjsNode, i int) []int64 {
	w := b.constant(n, i)
	if len(w.integers) == 0 {
		fail("input %d of node %q is not a list of integers", i, n.Name)
	}
	return w.integers
}

// fused tells which of bias and activation are part of the node.
func (n *tfjsNode) fused() (biased bool, activation string) {
	list := n.Attributes["fused_ops"].List
	if list == nil {
		return false, ""
	}
	for _, text := range list.Texts {
		if name := decodeText(text); name == "BiasAdd" {
			biased = true
		} else {
			activation = name
		}
	}
	return biased, activation
}

func (n *tfjsNode) autoPad() attribute {
	if decodeText(n.Attributes["padding"].Text) == "SAME" {
		return stringAttribute("auto_pad", "SAME_UPPER")
	}
	return stringAttribute("auto_pad", "VALID")
}

// window gives height and width of an attribute of the form [1, height, width, 1]; absent means [1, 1].
func (n *tfjsNode) window(name string) [2]int64 {
	values := n.integers(name)
	if len(values) != 4 {
		return [2]int64{1, 1}
	}
	return [2]int64{values[1], values[2]}
}

func (n *tfjsNode) integers(name string) []int64 {
	list := n.Attributes[name].List
	if list == nil {
		return nil
	}
	var values []int64
	for _, number := range list.Integers {
		v, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			fail("attribute %q of node %q: %q", name, n.Name, number)
		}
		values = append(values, v)
	}
	return values
}

func (n *tfjsNode) flag(name string) int64 {
	if n.Attributes[name].Flag {
		return 1
	}
	return 0
}

// decodeText gives the plain form of an attribute that model.json holds in base64; what is not base64 counts as empty.
func decodeText(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}
