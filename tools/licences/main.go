// Command licences reads the licence of every module and native library that is linked into the program, and fails where one is not allowed; or it
// completes a bill of materials of the program by what is not of Go.
//
//	cd tools/licences && go run . [-sbom FILE] ../..
package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are licences that ask for their text and a notice, and no more of a program that links what stands under them. MPL-2.0 asks for the changed files themselves;
// we change none.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "PostgreSQL", "Unicode-DFS-2016", "Unlicense", "Zlib"}

// exceptions are modules whose licences cannot be read from a file, or that are let in although they are not allowed, with the reason.
var exceptions = map[string]string{}

// native are the shared libraries that the program names (DT_NEEDED), with their licences. What these load themselves are packages of the distribution, linked
// dynamically and not shipped by us. ONNX Runtime is loaded at run time: MIT.
var native = map[string]string{
	"libturbojpeg": "IJG and BSD-3-Clause", "libZXing": "Apache-2.0", "libtesseract": "Apache-2.0",
	"libstdc++": "GPL-3.0 with the GCC runtime library exception", "libgcc_s": "GPL-3.0 with the GCC runtime library exception", "libgomp": "GPL-3.0 with the GCC runtime library exception",
	"libc": "LGPL-2.1, of the system", "libm": "LGPL-2.1, of the system", "libdl": "LGPL-2.1, of the system", "libpthread": "LGPL-2.1, of the system", "libresolv": "LGPL-2.1, of the system", "ld-linux-x86-64": "LGPL-2.1, of the system", "ld-linux-aarch64": "LGPL-2.1, of the system",
}

// enough is the share of a licence file, in per cent, that must be a known text.
const enough = 75

func main() {
	bill := flag.String("sbom", "", "CycloneDX `file` of the program's modules, in JSON, to be completed")
	flag.Parse()
	root, work := ".", check
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	if *bill != "" {
		work = func(root string) error { return complete(*bill, root) }
	}
	if err := work(root); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func check(root string) error {
	files, err := licenceFiles(root)
	if err != nil {
		return err
	}
	counts, faults := map[string]int{}, []string{}
	for _, module := range slices.Sorted(maps.Keys(files)) {
		if exceptions[module] != "" {
			continue
		}
		found, err := licencesIn(files[module])
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			faults = append(faults, module+": no licence is found")
		}
		for _, id := range found {
			counts[id]++
			if !slices.Contains(allowed, id) {
				faults = append(faults, module+": "+id+" is not allowed")
			}
		}
	}
	unknown, err := unknownLibraries(filepath.Join(root, "bin", "ekyc"))
	if err != nil {
		return err
	}
	faults = append(faults, unknown...)
	var summary []string
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		summary = append(summary, fmt.Sprintf("%s %d", id, counts[id]))
	}
	fmt.Printf("licences: %d modules: %s; %d exceptions\n", len(files), strings.Join(summary, ", "), len(exceptions))
	if len(faults) > 0 {
		return errors.New("\n  " + strings.Join(faults, "\n  "))
	}
	return nil
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`)

// licenceFiles gives, of each module that the program links, the licence files beside its packages and above them.
func licenceFiles(root string) (map[string]map[string]bool, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module", "./cmd/ekyc")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	files := map[string]map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		if files[p.Module.Path] == nil {
			files[p.Module.Path] = map[string]bool{}
		}
		for directory := p.Dir; strings.HasPrefix(directory, p.Module.Dir); directory = filepath.Dir(directory) {
			entries, err := os.ReadDir(directory)
			if err != nil {
				return nil, err
			}
			for _, entry := range entries {
				if entry.Type().IsRegular() && licenceName.MatchString(entry.Name()) && !strings.HasSuffix(entry.Name(), ".go") {
					files[p.Module.Path][filepath.Join(directory, entry.Name())] = true
				}
			}
		}
	}
}

// licencesIn names the licences of files. One that is not known for the most part has none of the names that are allowed.
func licencesIn(files map[string]bool) ([]string, error) {
	found := map[string]bool{}
	for path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		coverage := licensecheck.Scan(text)
		if coverage.Percent < enough {
			found[fmt.Sprintf("%s (known for %.0f %%)", filepath.Base(path), coverage.Percent)] = true
			continue
		}
		for _, match := range coverage.Match {
			found[match.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// unknownLibraries are those that the program names and the table does not.
func unknownLibraries(program string) (unknown []string, err error) {
	f, err := elf.Open(program)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not built; make build", program)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, library := range libraries {
		name, _, _ := strings.Cut(library, ".so")
		if native[name] == "" {
			unknown = append(unknown, library+": a native library whose licence nobody has looked at")
		}
	}
	return unknown, nil
}
