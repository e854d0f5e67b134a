package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/models"
)

// withOwnEmbedding is a models directory in which the operator replaced the embedding by another network.
func withOwnEmbedding(t *testing.T, parameters map[string]float64) *models.Library {
	t.Helper()
	dir, from := t.TempDir(), models.DefaultDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	own, ok := library(t, models.Strict).Asset("face_embedding_dlib")
	if !ok {
		t.Fatal("no second embedding to take for the operator's")
	}
	own.Name, own.Source, own.Parameters, own.Card = "face_embedding", models.Source{Manager: models.Local}, parameters, "for this test"
	data, err := json.Marshal(models.Lock{Format: 1, Assets: []models.Asset{own}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "models.local.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := models.Open(dir, models.Standard)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnOperatorsEmbeddingIsUsedAloneWithItsOwnCalibration(t *testing.T) {
	t.Parallel()
	e, err := Open(withOwnEmbedding(t, map[string]float64{"cosine_at_fmr_0.01": 0.90, "cosine_at_fmr_0.001": 0.93, "cosine_at_fmr_0.0001": 0.95}))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if got := e.Faces().Calibration().Similarity(0.95); got != 0.75 {
		t.Errorf("similarity %v at the cosine of one false match in 10,000", got)
	}
	if _, loaded := e.ModelHashes()["face_embedding_192"]; loaded {
		t.Error("the shipped second embedding is joined to the operator's")
	}
	pair := demonstration(t)
	v, err := e.Verify(t.Context(), request(pair.Selfie, pair.Front))
	if err != nil {
		t.Fatal(err)
	}
	if v.FaceMatch == nil || v.FaceMatch.Cosine < 0.8 {
		t.Errorf("two photographs of one person: %+v", v.FaceMatch)
	}
}

func TestAnOperatorsEmbeddingWithoutCalibrationSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := Open(withOwnEmbedding(t, nil))
	if ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || !strings.Contains(err.Error(), "cosine_at_fmr_0.0001") {
		t.Errorf("got %v", err)
	}
}
