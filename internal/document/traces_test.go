package document

import (
	"sync"
	"testing"

	"ekyc/internal/vision"
)

// TestTheSearchForTracesEndsWithTheReading: also that of a side which was given up, whose evidence nobody asks for.
func TestTheSearchForTracesEndsWithTheReading(t *testing.T) {
	t.Parallel()
	page := vision.NewRGB(1600, 1000)
	for i := range page.Pix {
		page.Pix[i] = byte(i * 2654435761 >> 11)
	}
	watch := &stopwatch{stages: map[string]float64{}}
	s := &side{pyramid: vision.NewPyramid(page), searches: &sync.WaitGroup{}, image: page, geometry: Geometry{Quad: page.Bounds().Quad()}}
	s.examine(watch)
	s.searches.Wait()
	if watch.stages["traces"] == 0 {
		t.Error("the reading ends and the search goes on")
	}
	if s.evidence() == nil {
		t.Error("the search found nothing to tell")
	}
}
