package capture

import (
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// named are the roles whose elements a person must be able to tell apart by ear (WCAG 2.2, 1.1.1, 2.4.6, 4.1.2).
var named = []string{"button", "link", "radio", "checkbox", "textbox", "heading", "image", "img", "progressbar", "group", "region", "Video", "video", "RootWebArea"}

// tooFaint gives the texts whose contrast is less than 4.5 to 1 (WCAG 2.2, 1.4.3), and controls that are too small to hit (2.5.8).
const tooFaint = `(() => {
  const luminance = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const parts = (text) => text.match(/[\d.]+/g).map(Number);
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || e.matches("script, noscript, option")) continue;
    if (e.matches("button, a, input") && e.type !== "radio") {
      const box = e.getBoundingClientRect();
      if (box.height < 44) found.push("small: " + (e.id || e.textContent) + " " + box.height);
    }
    if (![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim())) continue;
    let back = [255, 255, 255];
    for (let at = e; at; at = at.parentElement) { const c = parts(getComputedStyle(at).backgroundColor); if (c.length === 3 || c[3] > 0) { back = c.slice(0, 3); break; } }
    const [a, b] = [luminance(parts(getComputedStyle(e).color).slice(0, 3)), luminance(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5 && !e.disabled) found.push("faint: " + e.textContent + " " + (a + 0.05) / (b + 0.05));
  }
  return found;
})()`

// accessible fails the test where a screen shuts somebody out: elements without names, no main part, no language, texts without contrast,
// or headings that leave a level out.
func (b *tab) accessible(screen string) {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	must(b.t, err)
	roles := map[string]int{}
	for _, node := range result.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		roles[role]++
		name := ""
		if node.Name != nil {
			name = strings.Trim(string(node.Name.Value), `"`)
		}
		if slices.Contains(named, role) && strings.TrimSpace(name) == "" {
			b.t.Errorf("%s: a %s has no name", screen, role)
		}
	}
	if roles["main"] != 1 || roles["heading"] < 2 || roles["button"] < 2 {
		b.t.Errorf("%s: the tree of accessibility has %v", screen, roles)
	}
	if found := eval[[]string](b, tooFaint); len(found) > 0 {
		b.t.Errorf("%s: %q", screen, found)
	}
	if levels := eval[[]string](b, `[...document.querySelectorAll("h1, h2, h3, h4")].filter((h) => h.checkVisibility()).map((h) => h.tagName)`); !slices.Equal(levels, []string{"H1", "H2"}) {
		b.t.Errorf("%s: headings %v", screen, levels)
	}
}
