// Command forensic makes the coefficients in internal/document/forensic/coefficients.go: `collect` photographs generated documents, honest and
// forged, and finds document, print and portrait in them with the engine; `fit` measures those pictures and learns from them; `report` judges them by
// the weights that are committed. See README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"ekyc/internal/document/forensic"
	"ekyc/internal/engine"
	"ekyc/internal/models"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 {
		return fmt.Errorf("say collect, fit or report")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ContinueOnError)
	dir := flags.String("dir", "samples", "folder of the pictures and of samples.jsonl")
	seed := flags.Uint64("seed", 10000, "first seed")
	count := flags.Int("count", 300, "number of documents")
	attacks := flags.String("attacks", "", "attacks that collect makes, by comma; all when not given")
	documents := flags.String("documents", "", "folder with labels.json, whose fronts collect takes in place of generated documents: to report on, not to learn from")
	out := flags.String("out", "internal/document/forensic/coefficients.go", "where fit writes")
	learned := flags.String("learn", "", "traces that fit learns, by comma; all when not given")
	marked := flags.String("mark", "", "traces that keep their weights and that fit gives new marks, by comma")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	switch os.Args[1] {
	case "collect":
		kinds := slices.DeleteFunc(specimen.AttackKinds(), func(k specimen.AttackKind) bool {
			// The zone is judged by its check digits.
			return k == specimen.MRZEdited || *attacks != "" && !slices.Contains(strings.Split(*attacks, ","), string(k))
		})
		return collect(*dir, func(c *collector) error {
			if *documents != "" {
				return c.folder(*documents)
			}
			c.attacks = kinds
			return c.generated(*seed, *count)
		})
	case "fit":
		return fit(*dir, *out, tracesOf(*learned), tracesOf(*marked))
	case "report":
		return report(*dir)
	}
	return fmt.Errorf("say collect, fit or report")
}

// tracesOf reads a list of traces; nil for an empty one.
func tracesOf(list string) (out []forensic.Trace) {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" {
			out = append(out, forensic.Trace(name))
		}
	}
	return out
}

// sample is one picture: what was done to it, and what the engine found in it.
type sample struct {
	File       string              `json:"file"`
	Seed       uint64              `json:"seed"`
	Kind       specimen.Kind       `json:"kind"`
	Attack     specimen.AttackKind `json:"attack,omitempty"`
	Change     string              `json:"change,omitempty"` // of an honest file: saved again, made smaller, softened
	Width      int                 `json:"width"`
	Difficulty float64             `json:"difficulty"`
	Document   vision.Quad         `json:"document"`
	PageWidth  int                 `json:"page_width"`
	PageHeight int                 `json:"page_height"`
	Lines      []vision.Quad       `json:"lines"`
	Face       vision.Rect         `json:"face"`
	Edited     []bool              `json:"edited,omitempty"` // for each line, whether it is what was forged
}

// sizes of photographs in pixels; the last are drawn less often.
var sizes = [][2]int{{2000, 1500}, {2400, 1800}, {3000, 2250}}

type collector struct {
	engine  *engine.Engine
	attacks []specimen.AttackKind
	gallery *specimen.Gallery
	mu      sync.Mutex
	out     *json.Encoder
	dir     string
	written int
}

// collect opens the engine and the list of a folder, and lets fill write to it.
func collect(dir string, fill func(*collector) error) error {
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		return err
	}
	e, err := engine.Open(library)
	if err != nil {
		return err
	}
	defer e.Close()
	photographs, err := e.Photographs()
	if err != nil {
		return err
	}
	gallery, err := specimen.NewGallery(photographs)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, samplesFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return fill(&collector{engine: e, gallery: gallery, out: json.NewEncoder(f), dir: dir})
}

// generated makes documents, one a seed.
func (c *collector) generated(seed uint64, count int) error {
	seeds := make(chan uint64)
	faults := make(chan error, 2)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for s := range seeds {
				if err := c.document(s); err != nil {
					select {
					case faults <- fmt.Errorf("seed %d: %w", s, err):
					default:
					}
				}
			}
		})
	}
	for i := range count {
		seeds <- seed + uint64(i)
	}
	close(seeds)
	group.Wait()
	select {
	case err := <-faults:
		return err
	default:
		return nil
	}
}

// folder takes the fronts of the documents that a labels.json names, as docs/bench.md has it; an attack is what the label says.
func (c *collector) folder(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "labels.json"))
	if err != nil {
		return err
	}
	var labels []struct {
		File   string              `json:"file"`
		Type   string              `json:"type"`
		Kind   specimen.Kind       `json:"kind"`
		Attack specimen.AttackKind `json:"attack"`
	}
	if err := json.Unmarshal(data, &labels); err != nil {
		return err
	}
	for i, l := range labels {
		if l.Type == "not_identity" || l.Type == "passport_mock" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, l.File))
		if err != nil {
			return err
		}
		err = c.measure(sample{Seed: uint64(i), Kind: l.Kind, Attack: l.Attack}, &specimen.Picture{Data: data, Truth: specimen.Truth{Forgery: &specimen.Forgery{}}})
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", l.File, err) // a picture that is refused tells nothing
		}
	}
	return nil
}

// document makes one document: an honest photograph, the same file changed harmlessly, and three attacks.
func (c *collector) document(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 77))
	kind := specimen.Kinds()[seed%8]
	people := c.gallery.People()
	n := r.IntN(len(people))
	portrait, err := c.gallery.Portrait(people[n], r.IntN(c.gallery.Photographs(people[n])))
	if err != nil {
		return err
	}
	other, err := c.gallery.Portrait(people[(n+1+r.IntN(len(people)-1))%len(people)], 0)
	if err != nil {
		return err
	}
	d, err := specimen.Generate(specimen.Spec{Kind: kind, Seed: seed, Portrait: portrait})
	if err != nil {
		return err
	}
	size := sizes[min(r.IntN(3), r.IntN(3))]
	photo := specimen.PhotoSpec{Seed: seed, Width: size[0], Height: size[1], Difficulty: 0.8 * r.Float64()}
	honest, err := d.Photograph(0, photo)
	if err != nil {
		return err
	}
	base := sample{Seed: seed, Kind: kind, Width: size[0], Difficulty: photo.Difficulty}
	if err := c.measure(base, honest); err != nil {
		return err
	}
	if seed%2 == 0 {
		again, name, err := harmless(honest, r)
		if err != nil {
			return err
		}
		changed := base
		changed.Change = name
		if err := c.measure(changed, again); err != nil {
			return err
		}
	}
	for i := range min(3, len(c.attacks)) {
		attack := c.attacks[(int(seed/8)*3+i+int(seed))%len(c.attacks)]
		forged, err := d.Attack(attack, photo, other)
		if err != nil {
			return err
		}
		s := base
		s.Attack = attack
		if err := c.measure(s, forged); err != nil {
			return err
		}
	}
	return nil
}

// harmless is what happens to honest files on their way: programs for messages save them again, smaller, and softer.
func harmless(p *specimen.Picture, r *rand.Rand) (*specimen.Picture, string, error) {
	d, err := vision.Decode(p.Data, vision.SceneLimits)
	if err != nil {
		return nil, "", err
	}
	m := d.Native()
	name := []string{"saved", "saved", "half", "soft", "scaled"}[r.IntN(5)]
	switch name {
	case "half":
		m = m.Halve()
	case "soft":
		m = m.Blur()
	case "scaled":
		k := 0.55 + 0.4*r.Float64()
		m = m.Resize(int(float64(m.Width)*k), int(float64(m.Height)*k))
	}
	data, err := vision.EncodeJPEG(m, 70+r.IntN(26))
	t := p.Truth
	t.Width, t.Height = m.Width, m.Height
	return &specimen.Picture{Data: data, Truth: t}, name, err
}

func (c *collector) measure(s sample, p *specimen.Picture) error {
	d, err := vision.Decode(p.Data, vision.SceneLimits)
	if err != nil {
		return err
	}
	reading, err := c.engine.ReadDocument(context.Background(), engine.DocumentRequest{Front: d, At: specimen.Epoch})
	if err != nil {
		return nil // not found: no measure either
	}
	side := reading.Sides[0]
	s.Document, s.PageWidth, s.PageHeight = side.Geometry.Quad, side.Image.Width, side.Image.Height
	if side.Evidence == nil {
		return nil
	}
	for _, l := range side.Evidence.Lines {
		s.Lines = append(s.Lines, l.Quad)
	}
	if reading.Portrait != nil {
		s.Face = reading.Portrait.OnSide()
	}
	if s.Attack != "" {
		s.Edited = edited(s.Lines, p.Truth)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written++
	s.File = fmt.Sprintf("%d_%s%s_%d.jpg", s.Seed, s.Attack, s.Change, c.written)
	if err := os.WriteFile(filepath.Join(c.dir, s.File), p.Data, 0o644); err != nil {
		return err
	}
	return c.out.Encode(s)
}

// samplesFile lists the pictures of a folder, one JSON object a line.
const samplesFile = "samples.jsonl"

// edited says of each line whether it lies on the forged field.
func edited(lines []vision.Quad, t specimen.Truth) []bool {
	out := make([]bool, len(lines))
	for i, l := range lines {
		for _, r := range t.Regions {
			if r.Name == t.Forgery.Field && t.Forgery.Field != "portrait" && within(r.Quad, l) {
				out[i] = true
			}
		}
	}
	return out
}

// within says whether the middle of a field lies in the middle part of a line's box, or the other way round.
func within(field, line vision.Quad) bool {
	f, l := field.Bounds(), line.Bounds()
	return f.Intersect(l).Area() > 0.4*min(f.Area(), l.Area())
}
