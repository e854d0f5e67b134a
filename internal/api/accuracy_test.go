package api

import (
	"testing"

	"ekyc/internal/card"
)

func TestTheAccuracyCardAppliesToTheNetworksThatWereMeasured(t *testing.T) {
	t.Parallel()
	c, err := card.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	loaded := map[string]string{}
	for name, digest := range c.Models {
		loaded[name] = digest
	}
	if !accuracyOf(c, loaded).Applies {
		t.Error("the card does not apply to its own models")
	}
	loaded["text_recogniser"] = "another" // reads documents
	if !accuracyOf(c, loaded).Applies {
		t.Error("another recogniser of text changes what is said of faces")
	}
	for _, name := range []string{"face_embedding", "presentation_attack", "presentation_attack_own"} {
		changed := map[string]string{name: "another"}
		for other, digest := range c.Models {
			if other != name {
				changed[other] = digest
			}
		}
		if accuracyOf(c, changed).Applies {
			t.Errorf("the card applies though %s is another network", name)
		}
	}
}
