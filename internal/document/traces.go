package document

import (
	"sync"

	"ekyc/internal/document/forensic"
)

// scene is the side as the search for traces of forgery looks at it. It needs the boxes of the print and not what they say, so that the search can run
// while they are read.
func (s *side) scene() forensic.Scene {
	out := forensic.Scene{Photograph: s.pyramid, Document: s.geometry.Quad, Page: s.image}
	for _, b := range s.pageBoxes() {
		out.Lines = append(out.Lines, alignQuad(b.Quad, s.angle))
	}
	if s.portrait != nil {
		out.Face = s.portrait.onSide
	}
	return out
}

// examine begins the search for traces, which goes on while the side is read: only what is seen of it at the end needs what it finds. Of a side that
// is given up nobody asks for it; the reading waits for that too, so that what it has taken is free when it ends.
func (s *side) examine(watch *stopwatch) {
	if s.searches == nil {
		s.evidence = func() *forensic.Evidence { return nil }
		return
	}
	scene, found := s.scene(), make(chan *forensic.Evidence, 1)
	s.evidence = sync.OnceValue(func() *forensic.Evidence { return <-found })
	s.searches.Go(func() {
		defer watch.start("traces")()
		found <- forensic.Examine(scene)
	})
}

// traces are the strongest measures of all sides.
func (out *Reading) traces() map[forensic.Trace]float64 {
	found := map[forensic.Trace]float64{}
	for _, s := range out.Sides {
		if s.Evidence == nil {
			continue
		}
		for trace, v := range s.Evidence.Measures() {
			found[trace] = max(found[trace], v)
		}
	}
	return found
}
