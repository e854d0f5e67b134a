package workflow

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/retention"
	"ekyc/internal/vault"
)

// cropsOf gives the faces of a job that are told, by their position.
func cropsOf(j Job) map[int]vault.Media {
	crops := map[int]vault.Media{}
	for _, m := range j.Media {
		if m.Kind == vault.MediaFaceCrop {
			crops[m.Position] = m
		}
	}
	return crops
}

// TestFacesStayAsLongAsTheirClass: the faces of selfie and document, for whoever reviews; where none is to be kept, none is cut out.
func TestFacesStayAsLongAsTheirClass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		days map[retention.Class]int
		keep bool
		want int // days; 0: none is kept
	}{
		"nothing said":     {nil, true, retention.DefaultDays},
		"its own":          {map[retention.Class]int{retention.FaceCrop: 3, retention.Selfie: 0}, true, 3},
		"none":             {map[retention.Class]int{retention.FaceCrop: 0}, true, 0},
		"not to be stored": {map[retention.Class]int{retention.FaceCrop: 99}, false, 0},
	} {
		e := &synthetic{crop: []byte("a face")}
		p, r := retaining(t, w, e)
		sub := submission(newScope())
		sub.Store = c.keep
		keepDays(t, p, r, sub.Scope, c.days)
		j := decided(t, p, sub)
		crops := cropsOf(j)
		if wanted := e.selfies[0].FaceCropSide > 0 && e.documents[0].WantFaceCrop && e.documents[0].FaceCropSide == keptCrop; wanted != (c.want > 0) {
			t.Errorf("%s: of the engine was asked %+v and %+v", name, e.selfies[0], e.documents[0])
		}
		if c.want == 0 {
			if len(crops) != 0 {
				t.Errorf("%s: %v are kept", name, crops)
			}
			continue
		}
		if len(crops) != 2 {
			t.Errorf("%s: there are %v", name, j.Media)
		}
		for _, position := range []int{CropOfSelfie, CropOfDocument} {
			m := crops[position]
			if m.Expires == nil || m.Expires.Sub(m.CreatedAt) != time.Duration(c.want)*24*time.Hour {
				t.Errorf("%s: the face %d is kept until %v", name, position, m.Expires)
			}
			data, _, err := p.vault.ShowMedia(t.Context(), sub.Scope, m.ID, func(context.Context, pgx.Tx, vault.Media) error { return nil })
			if err != nil || !bytes.Equal(data, e.crop) {
				t.Errorf("%s: shown is %q, %v", name, data, err)
			}
		}
	}
}

// TestAnotherAttemptKeepsEachFaceOnce: whatever was made of the photographs before.
func TestAnotherAttemptKeepsEachFaceOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := failing(partMatch, 1, ekyc.Errorf(ekyc.ErrEngineFailed, "crashed"))
	e.crop = []byte("a face")
	p := w.start(t, e, swift(), 1)
	scope := newScope()
	j := await(t, p, scope, submit(t, p, submission(scope)).ID, Completed)
	if crops := cropsOf(j); len(crops) != 2 || j.Attempt < 2 {
		t.Errorf("after %d attempts there are %v", j.Attempt, crops)
	}
	// A part that is made anew, by other models, finds the face there.
	err := p.db.InTenant(t.Context(), scope, func(ctx context.Context, tx pgx.Tx) error {
		return p.putCrop(ctx, tx, &claim{Scope: scope, ID: j.ID, SubjectID: j.Subject}, e.crop, CropOfSelfie)
	})
	if again, _ := p.Get(t.Context(), scope, j.ID); err != nil || len(cropsOf(again)) != 2 {
		t.Errorf("put again: %v, %v", cropsOf(again), err)
	}
}
