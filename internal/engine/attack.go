package engine

import (
	"slices"
	"strings"

	"ekyc"
	"ekyc/internal/face/liveness"
	"ekyc/internal/models"
)

// The networks that look for presentation attacks. An operator's network whose name begins as the first one's, with an underscore and more, joins
// them; one with the name of a shipped one takes its place.
const (
	cropAttack = "presentation_attack"
	treeAttack = "presentation_attack_tree"
)

// attacksOf names the networks of the profile that look for presentation attacks, the shipped ones first.
func attacksOf(library *models.Library) []string {
	var names []string
	for _, name := range []string{cropAttack, treeAttack} {
		if library.Has(name) {
			names = append(names, name)
		}
	}
	for _, asset := range library.OfKind(models.KindModel) {
		if asset.Source.Manager == models.Local && strings.HasPrefix(asset.Name, cropAttack+"_") && !slices.Contains(names, asset.Name) {
			names = append(names, asset.Name)
		}
	}
	return names
}

func (e *Engine) assembleLiveness(names []string) error {
	var m liveness.Models
	for _, name := range names {
		asset, ok := e.library.Asset(name)
		if !ok {
			return ekyc.Errorf(ekyc.ErrModelMissing, "the profile has no entry for %s", name)
		}
		attack, err := attackModel(asset)
		if err != nil {
			return err
		}
		attack.Session = e.sessions[name]
		m.Attacks = append(m.Attacks, attack)
	}
	var err error
	e.liveness, err = liveness.New(e.faces, m)
	return err
}

// attackModel says how a network is fed and read. An operator's own brings its own crop and normalisation.
func attackModel(asset models.Asset) (liveness.AttackModel, error) {
	attack := liveness.AttackModel{Name: asset.Name, Kind: liveness.KindCrop, LiveIndex: int(asset.Parameters["live_index"])}
	if asset.Name == treeAttack {
		attack.Kind = liveness.KindTree
	}
	p := asset.Preprocessing
	if p == nil {
		return attack, nil
	}
	attack.Side = p.Width
	if asset.Source.Manager != models.Local {
		return attack, nil
	}
	if attack.Kind == liveness.KindCrop && p.Scale <= 0 {
		return attack, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s in models.local.json needs the crop_scale that it was trained with", asset.Name)
	}
	n, err := normalisation(p)
	if err != nil {
		return attack, err
	}
	attack.Normalisation, attack.Interleaved = &n, p.Layout == "NHWC"
	attack.Scales = []float64{p.Scale}
	attack.Weight, attack.LiveFrom = asset.Parameters["weight"], asset.Parameters["live_from"]
	if attack.Weight < 0 || attack.LiveFrom < 0 || attack.LiveFrom >= 1 {
		return attack, ekyc.Errorf(ekyc.ErrInvalidArgument, "weight and live_from of %s in models.local.json must be above 0, and live_from below 1", asset.Name)
	}
	return attack, nil
}
