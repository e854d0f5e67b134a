package engine

import (
	"cmp"
	"slices"

	"ekyc/internal/models"
)

// ModelInfo is one loaded model with where it comes from.
type ModelInfo struct {
	Name       string `json:"name"`
	Job        string `json:"job"`
	SHA256     string `json:"sha256"`
	Licence    string `json:"licence"`
	Manager    string `json:"manager"`           // npm, pypi, embedded or local
	Package    string `json:"package,omitempty"` // of the manager
	Version    string `json:"version,omitempty"` // of the package
	Documented bool   `json:"documented"`        // the makers say what it was trained on
	Origin     string `json:"origin"`
}

// Inventory says what an engine works with.
type Inventory struct {
	Profile      models.Profile    `json:"profile"`
	Hashes       map[string]string `json:"hashes"`       // SHA-256 by the model's name
	Undocumented []string          `json:"undocumented"` // names of the models of undocumented origin; the operator is to be told
	Models       []ModelInfo       `json:"models"`       // by name
	Matcher      Matcher           `json:"matcher"`
}

// Inventory says what this engine has loaded.
func (e *Engine) Inventory() *Inventory {
	v := &Inventory{Profile: e.Profile(), Hashes: e.ModelHashes(), Undocumented: e.Undocumented(), Matcher: e.Matcher()}
	for name := range e.sessions {
		if asset, ok := e.library.Asset(name); ok {
			v.Models = append(v.Models, ModelInfo{
				Name: asset.Name, Job: asset.Job, SHA256: asset.SHA256, Licence: asset.Licence,
				Manager: string(asset.Source.Manager), Package: asset.Source.Package, Version: asset.Source.Version,
				Documented: asset.Origin.Documented, Origin: asset.Origin.Statement,
			})
		}
	}
	slices.SortFunc(v.Models, func(a, b ModelInfo) int { return cmp.Compare(a.Name, b.Name) })
	return v
}
