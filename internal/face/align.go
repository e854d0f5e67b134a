package face

import "ekyc/internal/vision"

// Template is the arrangement of points that an embedding model was trained on.
type Template string

// The templates that are known.
const (
	ArcFace112 Template = "arcface112" // five points in 112 x 112 (Deng et al., ArcFace, 2019; InsightFace norm_crop)
	Dlib150    Template = "dlib150"    // dlib's face chip of 150 x 150 with padding 0.25
)

// alignmentVersion is part of every ModelID: a change of the alignment makes older embeddings incomparable.
const alignmentVersion = "mesh2"

// template places parts of the face mesh in the network's input, in pixels from the outer corner of its first pixel.
type template struct {
	side  int
	parts []templatePart
}

// templatePart is the mean of some mesh points and where it belongs.
type templatePart struct {
	mesh []int
	at   vision.Point
}

// half is the shift from coordinates of pixel centres, in which the published tables are, to those of corners.
const half = 0.5

var templates = map[Template]template{
	ArcFace112: {112, []templatePart{
		{[]int{meshRightEyeOuter, meshRightEyeInner}, vision.Point{X: 38.2946 + half, Y: 51.6963 + half}},
		{[]int{meshLeftEyeOuter, meshLeftEyeInner}, vision.Point{X: 73.5318 + half, Y: 51.5014 + half}},
		{[]int{meshNoseTip}, vision.Point{X: 56.0252 + half, Y: 71.7366 + half}},
		{[]int{meshRightMouth}, vision.Point{X: 41.5493 + half, Y: 92.3655 + half}},
		{[]int{meshLeftMouth}, vision.Point{X: 70.7299 + half, Y: 92.2041 + half}},
	}},
	Dlib150: {150, []templatePart{
		dlibPart(meshRightEyeOuter, 0.121737, 0.216423),
		dlibPart(meshRightEyeInner, 0.334606, 0.231733),
		dlibPart(meshLeftEyeInner, 0.645647, 0.231733),
		dlibPart(meshLeftEyeOuter, 0.858516, 0.216423),
		dlibPart(meshNoseBase, 0.490127, 0.628106),
		dlibPart(meshRightMouth, 0.254149, 0.780233),
		dlibPart(meshLeftMouth, 0.726104, 0.780233),
	}},
}

// dlibPart places a point of dlib's mean face (image_processing/full_object_detection: mean_face_shape) in the padded chip.
func dlibPart(mesh int, x, y float64) templatePart {
	const side, padding = 150, 0.25
	k := side / (1 + 2*padding)
	return templatePart{[]int{mesh}, vision.Point{X: (padding+x)*k + half, Y: (padding+y)*k + half}}
}

// fit is the similarity from the template's pixels to the picture's.
func (t template) fit(l *Landmarks) vision.Similarity {
	from, to := make([]vision.Point, len(t.parts)), make([]vision.Point, len(t.parts))
	for i, part := range t.parts {
		var sum vision.Point
		for _, n := range part.mesh {
			sum = sum.Add(l.Points[n])
		}
		from[i], to[i] = sum.Scale(1/float64(len(part.mesh))), part.at
	}
	return vision.FitSimilarity(from, to).Inverse()
}

// align cuts the face out of the picture as the template wants it, from native pixels.
func (t template) align(p *vision.Pyramid, l *Landmarks) *vision.RGB {
	return p.Warp(t.fit(l).Homography(), t.side, t.side, vision.BorderBlack)
}

// alignedView shows the face upright in a square of the given side whose content is scaled by zoom about the middle of
// ArcFace's frame: quality and attack measures look at fixed places of it.
func alignedView(p *vision.Pyramid, l *Landmarks, side int, zoom float64) *vision.RGB {
	t := templates[ArcFace112]
	s := t.fit(l)
	k := float64(t.side) / (float64(side) * zoom)
	c := float64(t.side) / 2
	shift := s.Apply(vision.Point{X: c - c/zoom, Y: c - c/zoom})
	return p.Warp(vision.Similarity{A: s.A * k, B: s.B * k, TX: shift.X, TY: shift.Y}.Homography(), side, side, vision.BorderReplicate)
}
