package face

import (
	"cmp"
	"context"
	"math"
	"slices"

	"ekyc"
	"ekyc/internal/vision"
)

const (
	// Among the faces at least this share as wide as the widest the most central one is the subject. On all pairs of LFW the
	// widest alone costs 1.7 points of FNMR (bystanders nearer to the camera), the most central alone fails on tight crops.
	subjectWidth = 0.6
	// A second face competes when it is about as wide as the subject and about as central: then nobody can say who is meant.
	competingWidth    = 0.8
	competingDistance = 0.15 // how much less central it is, in shorter sides of the picture
	// All but 4 of 1,666 upright faces of LFW have a surer flag; most that were found upside down have not.
	sureFlag = 0.999
	// More faces than these get no landmarks: a crowd is told by its boxes.
	maxLandmarked = 4
)

// Face is one face of a picture. Coordinates are native pixels.
type Face struct {
	Detection
	Landmarks   *Landmarks `json:"-"`    // nil for a face that cannot be the subject
	Flag        float64    `json:"flag"` // probability of the landmark model that it is on a face; below 0.5 alignment failed
	Pose        Pose       `json:"pose"`
	Eyes        Eyes       `json:"eyes"`
	EyeDistance float64    `json:"eye_distance"` // pixels between the eye centres, in space
}

// Aligned says whether the landmarks sit on a face.
func (f *Face) Aligned() bool { return f.Landmarks != nil && f.Flag >= alignedFlag }

// Scene is what a picture shows: its faces, and whose picture it is.
type Scene struct {
	Faces     []Face `json:"faces"` // the widest first
	Subject   int    `json:"subject"`
	Competing int    `json:"competing"` // other faces that could as well be the subject
}

// Face is the subject.
func (s *Scene) Face() *Face { return &s.Faces[s.Subject] }

// Single is ErrFacesMultiple when another face could as well be the subject.
func (s *Scene) Single() error {
	if s.Competing == 0 {
		return nil
	}
	return ekyc.Errorf(ekyc.ErrFacesMultiple, "the picture shows %d faces of similar size and place; send one that shows the person alone", s.Competing+1).
		With("faces", len(s.Faces))
}

// Analyze finds the faces of a picture, chooses the subject and measures it. Errors: ErrFaceNotFound, ErrCancelled.
func (a *Analyzer) Analyze(ctx context.Context, p *vision.Pyramid) (*Scene, error) {
	found, err := a.Detect(ctx, p)
	if err != nil {
		return nil, err
	}
	scene := &Scene{}
	for _, d := range found {
		scene.Faces = append(scene.Faces, Face{Detection: d})
	}
	if len(scene.Faces) == 0 {
		return nil, ekyc.Errorf(ekyc.ErrFaceNotFound, "no face was found in the picture")
	}
	slices.SortStableFunc(scene.Faces, func(a, b Face) int { return cmp.Compare(b.Box.Width(), a.Box.Width()) })
	if err := a.landmarkCandidates(ctx, p, scene); err != nil {
		return nil, err
	}
	scene.choose(p.Native().Bounds())
	if scene.Face().Flag < sureFlag {
		if err := a.lookCloser(ctx, p, scene.Face()); err != nil {
			return nil, err
		}
	}
	if err := a.measureEyes(ctx, p, scene.Face()); err != nil {
		return nil, err
	}
	return scene, nil
}

// landmarkCandidates places landmarks on every face that can be the subject.
func (a *Analyzer) landmarkCandidates(ctx context.Context, p *vision.Pyramid, scene *Scene) error {
	widest := scene.Faces[0].Box.Width()
	for i := range scene.Faces {
		f := &scene.Faces[i]
		if f.Box.Width() < subjectWidth*widest || i >= maxLandmarked {
			break
		}
		l, flag, err := a.place(ctx, p, f.Detection)
		if err != nil {
			return err
		}
		f.set(l, flag)
	}
	return nil
}

// lookCloser tries again with detections from nearby, of the face as it stands and in its quarter turns, for a face on which
// the landmarks are not sure: alignment failed, or the head lies on its side or stands on its head.
func (a *Analyzer) lookCloser(ctx context.Context, p *vision.Pyramid, f *Face) error {
	side := max(f.Box.Width(), f.Box.Height())
	var tries []Detection
	for turns := range 4 {
		near, err := a.detectIn(ctx, p, newView(f.Box.Center(), closeUpSides*side, turns))
		if err != nil {
			return err
		}
		for _, d := range near {
			if d.Box.IoU(f.Box) > detectorOverlap {
				tries = append(tries, d)
			}
		}
	}
	if !f.Aligned() {
		tries = append(tries, Detection{Box: f.Box, Score: f.Score, KeyPoints: averagePoints(f.Box)})
	}
	for _, d := range tries {
		l, flag, err := a.place(ctx, p, d)
		if err != nil {
			return err
		}
		if flag > f.Flag {
			f.Detection = d
			f.set(l, flag)
		}
	}
	return nil
}

// set takes over landmarks and what follows from them.
func (f *Face) set(l *Landmarks, flag float64) {
	f.Landmarks, f.Flag = l, flag
	f.Pose = l.pose()
	f.EyeDistance = l.eyeDistance()
}

// choose finds the subject: the most central of the faces that are not much narrower than the widest, one with landmarks
// before one on which they failed. The rest that could as well be meant are counted.
func (s *Scene) choose(size vision.Rect) {
	shorter := min(size.Width(), size.Height())
	off := func(f *Face) float64 { return f.Box.Center().Distance(size.Center()) / shorter }
	widest := s.Faces[0].Box.Width()
	anyAligned := slices.ContainsFunc(s.Faces, func(f Face) bool { return f.Aligned() })
	best := math.Inf(1)
	for i := range s.Faces {
		f := &s.Faces[i]
		if f.Landmarks == nil || f.Box.Width() < subjectWidth*widest || anyAligned && !f.Aligned() {
			continue
		}
		if d := off(f); d < best {
			s.Subject, best = i, d
		}
	}
	subject := s.Face()
	s.Competing = 0
	for i := range s.Faces {
		f := &s.Faces[i]
		if i != s.Subject && f.Aligned() && f.Box.Width() >= competingWidth*subject.Box.Width() && off(f)-best <= competingDistance {
			s.Competing++
		}
	}
}
