// Package report shows one verification as a single self-contained page: the photographs with everything that was seen drawn
// on them, beside checks, reasons and score.
package report

import (
	"cmp"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/engine"
	"ekyc/internal/vision"
)

//go:embed page.html
var page string

const (
	// figureSide bounds the pictures on the page in pixels; the drawing on them is vectors and stays sharp.
	figureSide = 1100
	// figureQuality is their JPEG quality.
	figureQuality = 82
)

// The colours of what is drawn.
const (
	colourFace     = "#4ade80"
	colourDocument = "#38bdf8"
	colourZone     = "#fb923c"
	colourField    = "#facc15"
	colourBarcode  = "#c084fc"
	colourDots     = "#a7f3d0"
)

// Models is what the page says about the networks that were used.
type Models struct {
	Profile      string
	Undocumented []string // names of those without a documented origin
}

// Write writes the page. The page holds the photographs and so personal data.
func Write(w io.Writer, v *engine.Verification, models Models) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("parse the page: %w", err)
	}
	content, err := contentOf(v, models)
	if err != nil {
		return err
	}
	return t.Execute(w, content)
}

// content is everything on the page, as text.
type content struct {
	Decision, Score, Summary string
	Factors                  []factor
	Rules                    []rule
	Reasons                  []reason
	Figures                  []figure
	Fields                   []field
	MRZ                      []string
	CheckLists               []checkList
	Steps                    []step
	Total                    string
	Profile, Undocumented    string
	DotColour                string
}

type factor struct{ Name, Points, Max, Value, State, Width string }
type rule struct{ Code, Effect, Message string }
type reason struct{ Code, Factor, Points, Message, User string }
type field struct{ Name, Value, Raw, Source, Confidence string }
type step struct{ Name, Status, Message, MS, Stages string }

type checkList struct {
	Title       string
	Shown, Rest []ekyc.Check
}

// figure is one picture with shapes over it, in the picture's pixels.
type figure struct {
	Title, Caption string
	Width, Height  int
	Image          template.URL
	Shapes         []shape
}

type shape struct {
	Title, Points, Colour, Fill string
	Stroke                      float64
	Dots                        []dot
}

type dot struct{ X, Y, R string }

func contentOf(v *engine.Verification, models Models) (*content, error) {
	c := &content{
		Decision: string(v.Decision), Score: v.Score.String(), Profile: models.Profile, Undocumented: strings.Join(models.Undocumented, ", "),
		Total: number(v.ProcessingMS, 0), DotColour: colourDots, Summary: summary(v),
	}
	c.addDecision(v)
	figures, err := figuresOf(v)
	if err != nil {
		return nil, err
	}
	c.Figures = figures
	if r := v.Document; r != nil {
		for _, key := range document.Keys {
			if f, ok := r.Fields[key]; ok {
				c.Fields = append(c.Fields, field{string(key), f.Value, f.Raw, string(f.Source), number(f.Confidence, 2)})
			}
		}
		if r.MRZ != nil {
			c.MRZ = r.MRZ.Lines
		}
	}
	if v.Liveness != nil {
		c.CheckLists = append(c.CheckLists, listOf("Liveness checks", v.Liveness.Checks))
	}
	if v.Validation != nil {
		c.CheckLists = append(c.CheckLists, listOf("Document checks", v.Validation.Checks))
	}
	for _, s := range v.Steps {
		c.Steps = append(c.Steps, step{s.Name, string(s.Status), s.Message, number(s.DurationMS, 1), stages(s.StagesMS)})
	}
	return c, nil
}

func (c *content) addDecision(v *engine.Verification) {
	for _, f := range v.Factors {
		c.Factors = append(c.Factors, factor{
			Name: string(f.Name), Points: f.Points.String(), Max: f.MaxPoints.String(), Value: f.Value.String(), State: string(f.State), Width: f.Points.String(),
		})
	}
	for _, r := range v.HardRules {
		c.Rules = append(c.Rules, rule{string(r.Code), string(r.Effect), r.Message})
	}
	for _, r := range v.Reasons {
		c.Reasons = append(c.Reasons, reason{string(r.Code), string(r.Factor), r.Points.String(), r.Message, r.UserMessage.EN})
	}
}

// summary says in a line what the person and the document are to the program.
func summary(v *engine.Verification) string {
	var parts []string
	if r := v.Liveness; r != nil {
		parts = append(parts, fmt.Sprintf("live score %s (%s)", number(r.LiveScore, 2), r.Zone))
	}
	if r := v.Document; r != nil {
		parts = append(parts, strings.TrimSpace(string(r.Detected.Type)+" "+r.Detected.Country))
	}
	if m := v.FaceMatch; m != nil {
		parts = append(parts, fmt.Sprintf("similarity %s against %s", number(m.Similarity, 2), number(m.Threshold, 2)))
	}
	return strings.Join(parts, " · ")
}

// listOf puts what passed or failed first, in the order of the checks, and what did not apply behind.
func listOf(title string, checks []ekyc.Check) checkList {
	l := checkList{Title: title}
	for _, c := range checks {
		switch c.Status {
		case ekyc.Pass, ekyc.Fail, ekyc.Warn:
			l.Shown = append(l.Shown, c)
		default:
			l.Rest = append(l.Rest, c)
		}
	}
	order := map[ekyc.CheckStatus]int{ekyc.Fail: 0, ekyc.Warn: 1, ekyc.Pass: 2}
	slices.SortStableFunc(l.Shown, func(a, b ekyc.Check) int { return cmp.Compare(order[a.Status], order[b.Status]) })
	return l
}

func stages(ms map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(ms)) {
		parts = append(parts, fmt.Sprintf("%s %s", name, number(ms[name], 0)))
	}
	return strings.Join(parts, ", ")
}

func number(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) }

// figuresOf draws the photographs and the rectified sides.
func figuresOf(v *engine.Verification) ([]figure, error) {
	var figures []figure
	add := func(f *figure, err error) error {
		if f != nil {
			figures = append(figures, *f)
		}
		return err
	}
	if v.Selfie != nil {
		if err := add(selfieFigure(v)); err != nil {
			return nil, err
		}
	}
	for i, p := range []*vision.Picture{v.Front, v.Back} {
		if p == nil {
			continue
		}
		if err := add(photographFigure(v, p, i)); err != nil {
			return nil, err
		}
		if v.Document != nil && i < len(v.Document.Sides) && v.Document.Sides[i].Image != nil {
			if err := add(sideFigure(v, i)); err != nil {
				return nil, err
			}
		}
	}
	if v.Document != nil && v.Document.Portrait != nil && v.Document.Portrait.Image != nil {
		if err := add(portraitFigure(v)); err != nil {
			return nil, err
		}
	}
	return figures, nil
}

// newFigure puts a picture on the page; k is the factor from its own pixels to the figure's.
func newFigure(title, caption string, p *vision.Pyramid) (f *figure, k float64, err error) {
	small, k := p.Fit(figureSide)
	data, err := vision.EncodeJPEG(small, figureQuality)
	if err != nil {
		return nil, 0, fmt.Errorf("encode a figure: %w", err)
	}
	return &figure{
		Title: title, Caption: caption, Width: small.Width, Height: small.Height,
		Image: template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(data)),
	}, k, nil
}

// outline draws a quadrilateral of native pixels.
func (f *figure) outline(title, colour string, q vision.Quad, k float64) {
	var points []string
	for _, p := range q.Scale(k) {
		points = append(points, fmt.Sprintf("%.1f,%.1f", p.X, p.Y))
	}
	f.Shapes = append(f.Shapes, shape{
		Title: title, Points: strings.Join(points, " "), Colour: colour, Fill: colour + "22", Stroke: float64(max(f.Width, f.Height)) / 360,
	})
}

func (f *figure) dots(points []vision.Point, k float64) {
	s := shape{}
	radius := number(float64(max(f.Width, f.Height))/420, 2)
	for _, p := range points {
		s.Dots = append(s.Dots, dot{number(p.X*k, 1), number(p.Y*k, 1), radius})
	}
	f.Shapes = append(f.Shapes, s)
}

func selfieFigure(v *engine.Verification) (*figure, error) {
	f, k, err := newFigure("Live photograph", "No face was found.", v.Selfie.Pyramid)
	if err != nil || v.Liveness == nil || v.Liveness.Scene == nil {
		return f, err
	}
	face := v.Liveness.Scene.Face()
	f.outline("face", colourFace, face.Box.Quad(), k)
	if face.Landmarks != nil {
		f.dots(face.Landmarks.Points[:], k)
	}
	f.Caption = fmt.Sprintf("Turned %.0f°, tilted %.0f°, leaning %.0f°; %s, spoof type %s; quality %.2f.",
		face.Pose.Yaw, face.Pose.Pitch, face.Pose.Roll, v.Liveness.Zone, v.Liveness.SpoofType, v.Liveness.Quality.Score)
	return f, nil
}

func photographFigure(v *engine.Verification, p *vision.Picture, side int) (*figure, error) {
	f, k, err := newFigure([]string{"Document, front", "Document, back"}[side], "No document was found.", p.Pyramid)
	if err != nil || v.Document == nil || side >= len(v.Document.Sides) {
		return f, err
	}
	r := v.Document
	g := r.Sides[side].Geometry
	f.Caption = fmt.Sprintf("Found by %s, %.0f %% of the frame, %.1f pixels a millimetre.", g.Method, 100*g.Coverage, g.PixelsPerMM)
	f.outline("document", colourDocument, g.Quad, k)
	if r.MRZ != nil && r.MRZ.Region.Side == side {
		for _, row := range r.MRZ.Rows {
			f.outline("machine readable zone", colourZone, row, k)
		}
	}
	for _, b := range r.Barcodes {
		if b.Region.Side == side {
			f.outline("bar code", colourBarcode, b.Region.Quad, k)
		}
	}
	if r.Portrait != nil && r.Portrait.Region.Side == side {
		f.outline("portrait", colourFace, r.Portrait.Region.Quad, k)
	}
	for _, key := range document.Keys {
		if field, ok := r.Fields[key]; ok && field.Region != nil && field.Region.Side == side && field.Source == document.FromVisual {
			f.outline(string(key), colourField, field.Region.Quad, k)
		}
	}
	return f, nil
}

func sideFigure(v *engine.Verification, side int) (*figure, error) {
	s := v.Document.Sides[side]
	f, k, err := newFigure("Rectified", fmt.Sprintf("%d lines of text were read.", len(s.Text)), vision.NewPyramid(s.Image))
	if err != nil {
		return nil, err
	}
	for _, line := range s.Text {
		f.outline(line.Text, colourField, line.Box.Quad(), k)
	}
	return f, nil
}

func portraitFigure(v *engine.Verification) (*figure, error) {
	f, k, err := newFigure("Portrait", "As it was cut from the document.", vision.NewPyramid(v.Document.Portrait.Image))
	if err != nil || v.Comparison == nil || v.Comparison.Document == nil || v.Comparison.Document.Face == nil {
		return f, err
	}
	face := v.Comparison.Document.Face
	f.outline("face", colourFace, face.Box.Quad(), k)
	if face.Landmarks != nil {
		f.dots(face.Landmarks.Points[:], k)
	}
	f.Caption = fmt.Sprintf("Similarity to the live photograph %.2f (cosine %.3f).", v.Comparison.Similarity, v.Comparison.Cosine)
	return f, nil
}
