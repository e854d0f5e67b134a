package workflow

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/fence"
	"ekyc/internal/models"
	"ekyc/internal/profile"
	"ekyc/internal/specimen"
)

var _ Engine = fence.Engine(nil) // what runs behind the fence serves

// TestTheSamplePersonIsAcceptedByTheRealModels runs the jobs of the demonstration: the sample person, and two pictures of nothing.
func TestTheSamplePersonIsAcceptedByTheRealModels(t *testing.T) {
	t.Parallel()
	library, err := models.Open(models.DefaultDir(), models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	photographs, err := e.Photographs()
	if err != nil {
		t.Fatal(err)
	}
	gallery, err := specimen.NewGallery(photographs)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := gallery.DemonstrationPair(1)
	if err != nil {
		t.Fatal(err)
	}
	p := newWorld(t).start(t, fence.Local{Engine: e}, Options{}, 1)
	scope := newScope()
	sub := submission(scope)
	sub.Selfie, sub.Front = [][]byte{pair.Selfie}, pair.Front
	sub.KYA = &profile.Input{Surname: pair.Truth.Fields["surname"], GivenNames: pair.Truth.Fields["given_names"]}
	person := submit(t, p, sub)
	nobody := submit(t, p, submission(scope))
	j := await(t, p, scope, person.ID, Completed)
	var r Result
	if err := json.Unmarshal(j.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r.Decision != ekyc.Accepted || !strings.EqualFold(r.Document.Fields["surname"].Value, pair.Truth.Fields["surname"]) || !r.FaceMatch.Match.Match || r.KYA.Score < 0.9 ||
		len(r.UserMessages) != 0 {
		t.Errorf("%s", j.Result)
	}
	t.Logf("%s with %s points in %s; the result has %d bytes", r.Decision, r.Score, j.FinishedAt.Sub(*j.StartedAt).Round(time.Millisecond), len(j.Result))
	j = await(t, p, scope, nobody.ID, Completed)
	if err := json.Unmarshal(j.Result, &r); err != nil {
		t.Fatal(err)
	}
	if r.Decision == ekyc.Accepted || j.Steps[0].Code != ekyc.ErrFaceNotFound || j.Steps[1].Code != ekyc.ErrDocumentNotFound {
		t.Errorf("pictures of nothing: %s, %v", r.Decision, j.Steps)
	}
	if got := usage(t, p, scope, nobody.ID); !maps.Equal(got, map[ekyc.Module]int64{ekyc.ModuleWorkflow: 1}) {
		t.Errorf("pictures of nothing are billed %v", got)
	}
}
