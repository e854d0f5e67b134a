package engine

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/models"
)

// withOwn is a models directory to which the operator added a network, or replaced one by it.
func withOwn(t *testing.T, own models.Asset) *models.Library {
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
	own.Source, own.Card = models.Source{Manager: models.Local}, "for this test"
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

func asset(t *testing.T, profile models.Profile, name string) models.Asset {
	t.Helper()
	found, ok := library(t, profile).Asset(name)
	if !ok {
		t.Fatalf("no %s to take for the operator's", name)
	}
	return found
}

// withOwnEmbedding replaces the embedding by another network.
func withOwnEmbedding(t *testing.T, parameters map[string]float64) *models.Library {
	t.Helper()
	own := asset(t, models.Strict, "face_embedding_dlib")
	own.Name, own.Parameters = "face_embedding", parameters
	return withOwn(t, own)
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

// withOwnAttack adds a network that looks for presentation attacks, with the crop of the shipped one at one scale.
func withOwnAttack(t *testing.T, scale float64, parameters map[string]float64) *models.Library {
	t.Helper()
	own := asset(t, models.Standard, "presentation_attack")
	preprocessing := *own.Preprocessing
	preprocessing.Scale = scale
	own.Name, own.Parameters, own.Preprocessing = "presentation_attack_own", parameters, &preprocessing
	return withOwn(t, own)
}

func TestAnOperatorsAttackNetworkJoinsTheOthersByOneEntry(t *testing.T) {
	t.Parallel()
	pair := demonstration(t)
	judge := func(e *Engine) map[string]float64 {
		t.Helper()
		o, err := e.Selfie(t.Context(), SelfieRequest{Frames: [][]byte{pair.Selfie}, SkipEnrol: true})
		if err != nil {
			t.Fatal(err)
		}
		return o.Liveness.Evidence
	}
	with := func(parameters map[string]float64) *Engine {
		t.Helper()
		e, err := Open(withOwnAttack(t, 2.7, parameters))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		return e
	}
	shipped := judge(open(t))
	joined := judge(with(map[string]float64{"live_index": 0, "weight": 2}))
	own, answered := joined["presentation_attack_own"]
	if !answered || joined["presentation_attack"] != shipped["presentation_attack"] || joined["presentation_attack_tree"] != shipped["presentation_attack_tree"] {
		t.Fatalf("evidence %v, without the operator's %v", joined, shipped)
	}
	if want := (shipped["presentation_attack"] + shipped["presentation_attack_tree"] + 2*own) / 4; math.Abs(joined["networks"]-want) > 1e-9 {
		t.Errorf("together %v instead of the weighted mean %v", joined["networks"], want)
	}
	placed := judge(with(map[string]float64{"live_index": 0, "live_from": 0.9}))
	if one, other := placed["networks"]-(shipped["presentation_attack"]+shipped["presentation_attack_tree"]+own)/3, (-1.5-math.Log(9))/3; math.Abs(one-other) > 1e-9 {
		t.Errorf("a network that calls faces living from 0.9 on shifts the mean by %v instead of %v", one, other)
	}
}

func TestAnOperatorsAttackNetworkWithoutCropSaysSo(t *testing.T) {
	t.Parallel()
	if _, err := Open(withOwnAttack(t, 0, nil)); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || !strings.Contains(err.Error(), "crop_scale") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(withOwnAttack(t, 2.7, map[string]float64{"live_from": 1})); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("live_from 1: %v", err)
	}
}
