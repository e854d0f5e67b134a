package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"ekyc"
	"ekyc/internal/models/convert"
)

// simultaneousDownloads: a package manager spends most of its time waiting and starting, so a few share two processors well.
const simultaneousDownloads = 4

// Puller brings the files of a lock into a directory.
type Puller struct {
	Assets   []Asset   // what to bring; entries of other platforms, of Debian, of the program and of the operator are passed over
	Dir      string    // is made when absent
	Progress io.Writer // one line a package and a file; nil: silent
	mutex    sync.Mutex
}

// Pull brings every shipped asset that runs on this platform into dir, and those of dir's models.local.json that name a
// package. What is there with the pinned bytes already is left alone, so a second call fetches nothing.
func Pull(ctx context.Context, dir string, progress io.Writer) error {
	return PullProfile(ctx, dir, Standard, progress)
}

// PullProfile is Pull for the assets of one profile.
func PullProfile(ctx context.Context, dir string, profile Profile, progress io.Writer) error {
	library, err := Open(dir, profile)
	if err != nil {
		return err
	}
	return (&Puller{Assets: library.assets, Dir: dir, Progress: progress}).Pull(ctx)
}

// Pull fetches what is missing or altered, several packages at once. Each file is verified before it is moved into place, so
// that a file in the directory is always a whole one. Fails with ErrModelMissing when a package manager is missing or cannot
// fetch, ErrModelAltered when what it brought is not what the lock pins, ErrCancelled with the context.
func (p *Puller) Pull(ctx context.Context) error {
	groups := p.outstanding()
	if len(groups) == 0 {
		p.report("all models are in place in %s", p.Dir)
		return nil
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the models directory %s cannot be made", p.Dir).Because(err)
	}
	slots := make(chan struct{}, simultaneousDownloads)
	faults := make([]error, len(groups))
	var wait sync.WaitGroup
	for i, group := range groups {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			faults[i] = p.pullPackage(ctx, group)
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return ekyc.Errorf(ekyc.ErrCancelled, "pulling the models was cancelled").Because(ctx.Err())
	}
	return errors.Join(faults...)
}

// outstanding groups the assets whose file is not in place by the package that they come from.
func (p *Puller) outstanding() [][]Asset {
	var groups [][]Asset
	place := map[string]int{}
	for _, a := range forPlatform(p.Assets, thisPlatform()) {
		if a.Source.Manager != NPM && a.Source.Manager != PyPI {
			continue
		}
		if digest, err := fileDigest(filepath.Join(p.Dir, a.File)); err == nil && digest == a.SHA256 {
			continue
		}
		key := string(a.Source.Manager) + " " + a.Source.Package + " " + a.Source.Version
		if i, ok := place[key]; ok {
			groups[i] = append(groups[i], a)
			continue
		}
		place[key] = len(groups)
		groups = append(groups, []Asset{a})
	}
	return groups
}

// pullPackage downloads one package and installs the assets that come from it.
func (p *Puller) pullPackage(ctx context.Context, assets []Asset) error {
	source := assets[0].Source
	// Beside the destination, so that the last step is a rename on one file system.
	temporary, err := os.MkdirTemp(p.Dir, ".pull-")
	if err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "the models directory %s cannot be written", p.Dir).Because(err)
	}
	defer os.RemoveAll(temporary)
	p.report("fetching %s %s %s", source.Manager, source.Package, source.Version)
	archive, err := download(ctx, source, temporary)
	if err != nil {
		return err
	}
	if err := checkIntegrity(archive, source); err != nil {
		return err
	}
	var wanted []string
	for _, a := range assets {
		for _, f := range a.Source.Files {
			wanted = append(wanted, f.Path)
		}
	}
	slices.Sort(wanted)
	contents, err := extract(archive, slices.Compact(wanted))
	if err != nil {
		return ekyc.Errorf(ekyc.ErrModelAltered, "package %s %s: %v", source.Package, source.Version, err)
	}
	for _, a := range assets {
		if err := p.install(a, contents, temporary); err != nil {
			return err
		}
	}
	return nil
}

// install verifies, converts, verifies again and moves one asset into place.
func (p *Puller) install(a Asset, contents map[string][]byte, temporary string) error {
	for _, f := range a.Source.Files {
		if digestOf(contents[f.Path]) != f.SHA256 {
			return ekyc.Errorf(ekyc.ErrModelAltered, "%s: %s in package %s %s does not have the bytes that the lock file pins",
				a.Name, f.Path, a.Source.Package, a.Source.Version).With("model", a.Name)
		}
	}
	data, err := convertSource(a.Source, contents)
	if err != nil {
		return ekyc.Errorf(ekyc.ErrModelAltered, "%s cannot be converted: %v", a.Name, err).With("model", a.Name)
	}
	if digest := digestOf(data); digest != a.SHA256 {
		return ekyc.Errorf(ekyc.ErrModelAltered, "%s has SHA-256 %s after conversion, the lock file pins %s", a.Name, digest, a.SHA256).With("model", a.Name)
	}
	written := filepath.Join(temporary, a.File)
	if err := os.WriteFile(written, data, 0o644); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be written into the models directory", a.File).Because(err)
	}
	if err := os.Rename(written, filepath.Join(p.Dir, a.File)); err != nil {
		return ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be moved into the models directory", a.File).Because(err)
	}
	p.report("installed %s (%s)", a.Name, a.File)
	return nil
}

// convertSource makes the asset's file out of the files of its package.
func convertSource(s Source, contents map[string][]byte) ([]byte, error) {
	first := contents[s.Files[0].Path]
	switch s.Converter {
	case "tfjs":
		shards := map[string][]byte{}
		for _, f := range s.Files[1:] {
			shards[path.Base(f.Path)] = contents[f.Path]
		}
		return convert.TFJS(first, shards)
	case "tflite":
		return convert.TFLite(first)
	case "dlib":
		return convert.Dlib(first, bytes.Join(sourceContents(s.Files[1:], contents), nil))
	default:
		if len(s.Files) != 1 {
			return nil, fmt.Errorf("%d source files and no converter", len(s.Files))
		}
		return first, nil
	}
}

func sourceContents(files []SourceFile, contents map[string][]byte) [][]byte {
	result := make([][]byte, len(files))
	for i, f := range files {
		result[i] = contents[f.Path]
	}
	return result
}

// report writes one line of progress.
func (p *Puller) report(format string, args ...any) {
	if p.Progress == nil {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	fmt.Fprintf(p.Progress, format+"\n", args...)
}
