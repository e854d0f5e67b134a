// Package convert writes ONNX files from weights that packages ship in other formats: TensorFlow.js graph models, TensorFlow
// Lite files and the quantised dlib face network of face-api. Conversion is deterministic: the same bytes in give the same bytes out, so that
// the result can be pinned by its SHA-256.
package convert

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Versions written into every file: opset 13 is the first in which Squeeze and ReduceSum take their axes as an input,
// IR 8 the one that goes with it (ONNX Versioning, table of released versions).
const (
	irVersion    = 8
	opsetVersion = 13
)

// Field numbers of onnx.proto (messages ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto).
const (
	modelIRVersion, modelProducer, modelGraph, modelOpset    = 1, 2, 7, 8
	graphNode, graphName, graphInit, graphInput, graphOutput = 1, 2, 5, 11, 12
	nodeInput, nodeOutput, nodeName, nodeType, nodeAttribute = 1, 2, 3, 4, 5
	attrName, attrFloat, attrInt, attrString, attrInts       = 1, 2, 3, 4, 8
	attrType                                                 = 20
	tensorDims, tensorType, tensorName, tensorRaw            = 1, 2, 8, 9
	valueName, valueType                                     = 1, 2
	attrTypeFloat, attrTypeInt, attrTypeString, attrTypeInts = 1, 2, 3, 7
	elementFloat, elementInt64                               = 1, 7
)

// message is a protocol buffer under construction.
type message []byte

func (m *message) integer(field protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

func (m *message) bytes(field protowire.Number, b []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, b)
}

func (m *message) text(field protowire.Number, s string) { m.bytes(field, []byte(s)) }

// attribute is one encoded AttributeProto.
type attribute []byte

func intAttribute(name string, v int64) attribute {
	var m message
	m.text(attrName, name)
	m.integer(attrInt, v)
	m.integer(attrType, attrTypeInt)
	return attribute(m)
}

func intsAttribute(name string, values ...int64) attribute {
	var m message
	m.text(attrName, name)
	for _, v := range values {
		m.integer(attrInts, v)
	}
	m.integer(attrType, attrTypeInts)
	return attribute(m)
}

func floatAttribute(name string, v float32) attribute {
	var m message
	m.text(attrName, name)
	m = protowire.AppendTag(m, attrFloat, protowire.Fixed32Type)
	m = protowire.AppendFixed32(m, math.Float32bits(v))
	m.integer(attrType, attrTypeFloat)
	return attribute(m)
}

func stringAttribute(name, v string) attribute {
	var m message
	m.text(attrName, name)
	m.text(attrString, v)
	m.integer(attrType, attrTypeString)
	return attribute(m)
}

// graph collects nodes, constants, inputs and outputs in the order in which they are added.
type graph struct {
	nodes, initialisers, inputs, outputs message
	nodeCount, nameCount                 int
}

// fresh gives a value name that no earlier call gave.
func (g *graph) fresh() string {
	g.nameCount++
	return fmt.Sprintf("value_%d", g.nameCount)
}

func (g *graph) node(operator string, in, out []string, attributes ...attribute) {
	var m message
	for _, name := range in {
		m.text(nodeInput, name)
	}
	for _, name := range out {
		m.text(nodeOutput, name)
	}
	g.nodeCount++
	m.text(nodeName, fmt.Sprintf("node_%d", g.nodeCount))
	m.text(nodeType, operator)
	for _, a := range attributes {
		m.bytes(nodeAttribute, a)
	}
	g.nodes.bytes(graphNode, m)
}

// apply adds a node with one output and gives the output's name.
func (g *graph) apply(operator string, in []string, attributes ...attribute) string {
	out := g.fresh()
	g.node(operator, in, []string{out}, attributes...)
	return out
}

// floats adds a constant of 32-bit floats; no dims means a scalar.
func (g *graph) floats(name string, dims []int64, values []float32) string {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	g.constant(name, dims, elementFloat, raw)
	return name
}

// integers adds a constant of 64-bit integers; no dims means a scalar.
func (g *graph) integers(name string, dims []int64, values []int64) string {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	g.constant(name, dims, elementInt64, raw)
	return name
}

// vector adds a one-dimensional constant of integers under a fresh name.
func (g *graph) vector(values ...int64) string {
	return g.integers(g.fresh(), []int64{int64(len(values))}, values)
}

func (g *graph) constant(name string, dims []int64, element int64, raw []byte) {
	var m message
	for _, d := range dims {
		m.integer(tensorDims, d)
	}
	m.integer(tensorType, element)
	m.text(tensorName, name)
	m.bytes(tensorRaw, raw)
	g.initialisers.bytes(graphInit, m)
}

func (g *graph) input(name string, dims []int64) { g.inputs.bytes(graphInput, floatValue(name, dims)) }

// output declares a float output; nil dims leave the shape to the runtime's inference.
func (g *graph) output(name string, dims []int64) {
	g.outputs.bytes(graphOutput, floatValue(name, dims))
}

func floatValue(name string, dims []int64) []byte {
	const tensorElement, tensorShape, shapeDim, dimValue, typeTensor = 1, 2, 1, 1, 1
	var tensor message
	tensor.integer(tensorElement, elementFloat)
	if dims != nil {
		var shape message
		for _, d := range dims {
			var dim message
			dim.integer(dimValue, d)
			shape.bytes(shapeDim, dim)
		}
		tensor.bytes(tensorShape, shape)
	}
	var kind, value message
	kind.bytes(typeTensor, tensor)
	value.text(valueName, name)
	value.bytes(valueType, kind)
	return value
}

// toChannelsFirst turns batch, height, width, channel into batch, channel, height, width.
func (g *graph) toChannelsFirst(x string) string {
	return g.apply("Transpose", []string{x}, intsAttribute("perm", 0, 3, 1, 2))
}

// toChannelsLast turns them back and gives the result its name.
func (g *graph) toChannelsLast(x, name string) {
	g.node("Transpose", []string{x}, []string{name}, intsAttribute("perm", 0, 2, 3, 1))
}

// model gives the bytes of the ONNX file.
func (g *graph) model(name string) []byte {
	var body message
	body = append(body, g.nodes...)
	body.text(graphName, name)
	body = append(body, g.initialisers...)
	body = append(body, g.inputs...)
	body = append(body, g.outputs...)

	const opsetDomain, opsetNumber = 1, 2
	var opset message
	opset.text(opsetDomain, "")
	opset.integer(opsetNumber, opsetVersion)

	var m message
	m.integer(modelIRVersion, irVersion)
	m.text(modelProducer, "ekyc")
	m.bytes(modelGraph, body)
	m.bytes(modelOpset, opset)
	return m
}
