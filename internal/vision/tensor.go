package vision

import "math"

// Tensor is a dense float32 array in row-major order.
type Tensor struct {
	Shape []int64
	Data  []float32
}

// Normalisation says how bytes become the numbers a model was trained on: value = (byte − Mean) / Std a channel, in the
// order red, green, blue; BGR only changes the order of the planes.
type Normalisation struct {
	Mean, Std [3]float32
	BGR       bool
}

// UniformNormalisation treats the three channels alike.
func UniformNormalisation(mean, std float32) Normalisation {
	return Normalisation{Mean: [3]float32{mean, mean, mean}, Std: [3]float32{std, std, std}}
}

// table precomputes the 256 values of each channel in model order.
func (n Normalisation) table() (t [3][256]float32, source [3]int) {
	source = [3]int{0, 1, 2}
	if n.BGR {
		source = [3]int{2, 1, 0}
	}
	for c, s := range source {
		for v := range 256 {
			t[c][v] = (float32(v) - n.Mean[s]) / n.Std[s]
		}
	}
	return t, source
}

// Planar gives images of equal size as one tensor [len(images), 3, height, width].
func Planar(n Normalisation, images ...*RGB) Tensor {
	first := images[0]
	plane := first.Width * first.Height
	data := make([]float32, len(images)*3*plane)
	table, source := n.table()
	for i, m := range images {
		out := data[i*3*plane:]
		for c, s := range source {
			t, channel := &table[c], out[c*plane:(c+1)*plane]
			for p := range channel {
				channel[p] = t[m.Pix[3*p+s]]
			}
		}
	}
	return Tensor{[]int64{int64(len(images)), 3, int64(first.Height), int64(first.Width)}, data}
}

// Interleaved gives one image as a tensor [1, height, width, 3].
func Interleaved(n Normalisation, m *RGB) Tensor {
	data := make([]float32, len(m.Pix))
	table, source := n.table()
	for i := 0; i < len(data); i += 3 {
		for c, s := range source {
			data[i+c] = table[c][m.Pix[i+s]]
		}
	}
	return Tensor{[]int64{1, int64(m.Height), int64(m.Width), 3}, data}
}

// PlanarGray gives grey images of equal size as one tensor [len(images), 1, height, width] of (value − mean) / std.
func PlanarGray(mean, std float32, images ...*Gray) Tensor {
	first := images[0]
	data := make([]float32, 0, len(images)*len(first.Pix))
	for _, g := range images {
		for _, v := range g.Pix {
			data = append(data, (float32(v)-mean)/std)
		}
	}
	return Tensor{[]int64{int64(len(images)), 1, int64(first.Height), int64(first.Width)}, data}
}

// Softmax gives the probabilities of logits.
func Softmax(logits []float32) []float64 {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	out := make([]float64, len(logits))
	sum := 0.0
	for i, v := range logits {
		out[i] = math.Exp(float64(v) - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// Sigmoid is 1 / (1 + e^−x).
func Sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
