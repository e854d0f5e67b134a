package contract

import (
	"context"
	"net/http"
	"testing"

	"ekyc/internal/e2e"
)

// TestStoredReferences: what a reference became when it was enrolled is kept with the models that made it, and is compared with nothing that others made.
func TestStoredReferences(t *testing.T) {
	t.Parallel()
	c := newCustomer(t, "pro")
	selfie, _ := e2e.Person(t)
	made := want[object](t, c.test.Do(t, http.MethodPost, "/v1/subjects", object{"image_reference_base64": e2e.Base64(selfie)}), 201)
	subject := made["subject_id"].(string)
	type verdict struct {
		Match          bool
		Similarity     float64
		SamePicture    bool    `json:"same_picture"`
		FMRAtThreshold float64 `json:"fmr_at_threshold"`
		Live, Document struct{ Quality struct{ Score float64 } }
	}
	match := func() verdict {
		t.Helper()
		return want[verdict](t, c.test.Do(t, http.MethodPost, "/v1/face/match", object{"image_live_base64": e2e.Base64(selfie), "subject_id": subject, "target_fmr": 0.001}), 200)
	}
	first := match()
	if !first.Match || first.Similarity < 0.99 || !first.SamePicture || first.FMRAtThreshold < 0.0009 || first.FMRAtThreshold > 0.0011 || first.Document.Quality.Score <= 0 {
		t.Errorf("the photograph against itself: %+v", first)
	}
	db := database(t)
	model := func() (name string) {
		t.Helper()
		if err := db.QueryRow(context.Background(), "select model from reference_template where subject_id = $1", subject).Scan(&name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	now := model()
	if _, err := db.Exec(context.Background(), "update reference_template set model = 'older+mesh1', sealed = '\\x00' where subject_id = $1", subject); err != nil {
		t.Fatal(err)
	}
	if again := match(); again.Similarity != first.Similarity {
		t.Errorf("after the models changed: %+v instead of %+v", again, first)
	}
	if name := model(); name != now {
		t.Errorf("the template is still that of %s, not %s", name, now)
	}
}
