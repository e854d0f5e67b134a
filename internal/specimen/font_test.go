package specimen

import (
	"strings"
	"testing"

	"golang.org/x/image/math/fixed"
)

func TestEveryFontHasTheGlyphsItIsUsedFor(t *testing.T) {
	t.Parallel()
	fonts, err := newFontSet()
	if err != nil {
		t.Fatal(err)
	}
	needed := map[typeface]string{ocrB: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"}
	for _, i := range issuers() {
		for _, list := range [][]string{{i.name, i.citizen}, i.offices, i.towns, i.streets, i.surnames, i.women, i.men} {
			for _, s := range list {
				needed[medium] += s + upper(s)
			}
		}
	}
	for _, words := range captionOf {
		for _, s := range words {
			needed[regular] += s
		}
	}
	for _, words := range tongues {
		for _, s := range words {
			needed[regular] += s + upper(s)
		}
	}
	for _, words := range monthWords {
		needed[regular] += words
	}
	for _, card := range nationalCards() {
		needed[card.value] += strings.Join(append(card.title, card.rows...), "")
	}
	for wanted, letters := range needed {
		for _, r := range letters {
			face, index := fonts.glyph(r, wanted)
			if mark, _ := fonts.fonts[face].GlyphIndex(&fonts.buffer, '?'); index == 0 || index == mark && r != '?' {
				t.Errorf("typeface %d has no %q", wanted, r)
				continue
			}
			segments, err := fonts.fonts[face].LoadGlyph(&fonts.buffer, index, fixed.I(fontUnits), nil)
			if err != nil || len(segments) == 0 && r != ' ' {
				t.Errorf("typeface %d cannot draw %q: %v", face, r, err)
			}
		}
	}
}
