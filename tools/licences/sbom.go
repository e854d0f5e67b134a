package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// component is one of a CycloneDX bill of materials, version 1.5 or later.
type component struct {
	Type        string              `json:"type"`
	Ref         string              `json:"bom-ref"`
	Name        string              `json:"name"`
	Version     string              `json:"version,omitempty"`
	Description string              `json:"description,omitempty"`
	PURL        string              `json:"purl,omitempty"`
	Hashes      []hash              `json:"hashes,omitempty"`
	Licences    []map[string]named  `json:"licenses,omitempty"`
	Properties  []map[string]string `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type named struct {
	Name string `json:"name"`
}

func licensed(name string) []map[string]named { return []map[string]named{{"license": {name}}} }

// complete adds to a bill of materials, as cyclonedx-gomod writes it, what Go does not know: the models, and the libraries that the program names.
func complete(bill, root string) error {
	text, err := os.ReadFile(bill)
	if err != nil {
		return err
	}
	var document map[string]json.RawMessage
	var components []json.RawMessage
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	if err := json.Unmarshal(document["components"], &components); err != nil {
		return err
	}
	models, err := modelsOf(filepath.Join(root, "internal", "models", "models.lock.json"))
	if err != nil {
		return err
	}
	libraries, err := librariesOf(filepath.Join(root, "bin", "ekyc"))
	if err != nil {
		return err
	}
	modules := len(components)
	for _, c := range append(models, libraries...) {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		components = append(components, raw)
	}
	if document["components"], err = json.Marshal(components); err != nil {
		return err
	}
	if text, err = json.MarshalIndent(document, "", "  "); err != nil {
		return err
	}
	fmt.Printf("sbom: %d modules of Go, %d models and other assets, %d native libraries in %s\n", modules, len(models), len(libraries), bill)
	return os.WriteFile(bill, append(text, '\n'), 0o644)
}

// modelsOf are the assets of the lock file.
func modelsOf(path string) (list []component, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lock struct {
		Assets []struct {
			Name, Kind, Job, File, Platform, SHA256, Licence string

			Source struct{ Manager, Package, Version string }
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, a := range lock.Assets {
		c := component{Type: "machine-learning-model", Ref: "asset:" + a.Name + "@" + a.SHA256, Name: a.Name, Version: a.SHA256[:12], Description: a.Job,
			Hashes: []hash{{"SHA-256", a.SHA256}}, Licences: licensed(a.Licence), Properties: []map[string]string{{"name": "ekyc:file", "value": a.File}}}
		switch a.Kind {
		case "model":
		case "runtime":
			c.Type = "library"
		default:
			c.Type = "data"
		}
		if a.Platform != "" {
			c.Properties = append(c.Properties, map[string]string{"name": "ekyc:platform", "value": a.Platform})
		}
		if a.Source.Package != "" {
			c.Properties = append(c.Properties, map[string]string{"name": "ekyc:source", "value": a.Source.Manager + " " + a.Source.Package + " " + a.Source.Version})
		}
		list = append(list, c)
	}
	return list, nil
}

var cached = regexp.MustCompile(`(?m)^\s*(\S+) \(.*\) => (\S+)$`)

// librariesOf are the shared libraries that the program names, with Debian's package and version where they are of one.
func librariesOf(program string) (list []component, err error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for _, match := range cached.FindAllStringSubmatch(said("ldconfig", "-p"), -1) {
		if paths[match[1]] == "" {
			paths[match[1]] = match[2]
		}
	}
	for _, name := range names {
		short, _, _ := strings.Cut(name, ".so")
		c := component{Type: "library", Ref: "native:" + name, Name: name, Licences: licensed(native[short])}
		path, err := filepath.EvalSymlinks(paths[name])
		if err == nil {
			owner, _, found := strings.Cut(said("dpkg", "-S", path), ": ")
			if !found { // packaged before /lib became a link into /usr
				owner, _, _ = strings.Cut(said("dpkg", "-S", strings.TrimPrefix(path, "/usr")), ": ")
			}
			if owner, version, found := strings.Cut(said("dpkg-query", "-W", "-f", "${Package} ${Version}", owner), " "); found {
				c.Version, c.PURL = version, "pkg:deb/debian/"+owner+"@"+strings.ReplaceAll(version, "+", "%2B")
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// said is what a command answers; "" where it fails or is not there.
func said(name string, arguments ...string) string {
	out, err := exec.Command(name, arguments...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}
