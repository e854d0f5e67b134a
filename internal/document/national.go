package document

import (
	"context"
	"slices"
	"strings"
	"sync"
	"unicode"

	"ekyc"
	"ekyc/internal/document/ocr/tesseract"
)

const (
	// mostNational lines of a side are read again, the largest first: 5 to 35 ms each.
	mostNational = 12
	// doubtful: print in another script comes out as look-alikes, at 0.6 to 0.95 for the most part.
	doubtful = 0.95
)

// readNational reads the lines again that the print recogniser doubts, or that a stroke divides into two scripts, where the country
// prints in a script that it does not know. The national part goes into TextLine.National; fields keep to the Latin print.
func (r *Reader) readNational(ctx context.Context, sides []*side, country string, watch *stopwatch) error {
	script, ok := tesseract.ScriptOf(country)
	if !ok || r.models.National == nil {
		return nil
	}
	defer watch.start("national")()
	for _, s := range sides {
		var which []int
		for i, l := range s.lines {
			if strings.ContainsFunc(l.Text, unicode.IsLetter) && (l.Confidence < doubtful || strings.Contains(l.Text, "/")) {
				which = append(which, i)
			}
		}
		slices.SortStableFunc(which, func(a, b int) int { return int(s.lines[b].Box.Area() - s.lines[a].Box.Area()) })
		which = which[:min(len(which), mostNational)]
		errs := make([]error, len(which))
		var group sync.WaitGroup
		for k, i := range which {
			crop, ok := r.models.Recogniser.Cut(s.pyramid, s.lines[i].Quad)
			if !ok {
				continue
			}
			group.Go(func() {
				read, err := r.models.National.Line(ctx, script, crop.Gray())
				if part, ok := tesseract.National(country, read); ok && err == nil {
					s.lines[i].National, s.lines[i].Script = part.Text, string(script)
				}
				if ekyc.CodeOf(err) != ekyc.ErrModelMissing { // a supplement: without its data the print stays as it was read, and the doctor says so
					errs[k] = err
				}
			})
		}
		group.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
	}
	return nil
}
