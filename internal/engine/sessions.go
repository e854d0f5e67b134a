// Package engine assembles the visual modules over one set of models and runs them: separately, or as a whole verification.
// It knows no tenant, database or HTTP; the command line and the service call the same functions.
package engine

import (
	"fmt"
	"path/filepath"
	"sync"

	"ekyc"
	"ekyc/internal/models"
	"ekyc/internal/vision"
)

// threadsPerModel is one: two spinning thread pools slow each other down on two cores, and independent models already run
// side by side.
const threadsPerModel = 1

// detectorThreads are those of the one long run beside which a document has no other work: they take an eighth off the slowest readings, for three hundredths
// of what two cores read in all (decision 0002).
const detectorThreads = 2

// loader makes sessions of the models of one library.
type loader struct {
	runtime *vision.Runtime
	library *models.Library
}

func newLoader(library *models.Library) (*loader, error) {
	path, err := library.Path("onnxruntime")
	if err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil { // a process has one runtime, by whatever name it is reached
		return nil, ekyc.Errorf(ekyc.ErrRuntimeMissing, "the ONNX Runtime library cannot be reached").Because(err)
	}
	runtime, err := vision.OpenRuntime(path)
	if err != nil {
		return nil, err
	}
	return &loader{runtime, library}, nil
}

// session loads one model of the lock.
func (l *loader) session(name string) (*vision.Session, error) {
	data, err := l.library.Bytes(name)
	if err != nil {
		return nil, err
	}
	threads := threadsPerModel
	if name == textDetector {
		threads = detectorThreads
	}
	return l.runtime.Load(name, data, threads)
}

// sessions loads several models side by side; a name that the profile does not have is left out.
func (l *loader) sessions(names ...string) (map[string]*vision.Session, error) {
	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		first  error
		loaded = make(map[string]*vision.Session, len(names))
	)
	for _, name := range names {
		if !l.library.Has(name) {
			continue
		}
		group.Go(func() {
			session, err := l.session(name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				first = firstError(first, fmt.Errorf("load model %s: %w", name, err))
				return
			}
			loaded[name] = session
		})
	}
	group.Wait()
	if first != nil {
		for _, session := range loaded {
			session.Close()
		}
		return nil, first
	}
	return loaded, nil
}

func firstError(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// normalisation gives the lock's preprocessing in the form that tensors are made with.
func normalisation(p *models.Preprocessing) (vision.Normalisation, error) {
	n := vision.Normalisation{BGR: p.Colour == "BGR"}
	for _, c := range []struct {
		from []float64
		to   *[3]float32
	}{{p.Mean, &n.Mean}, {p.Std, &n.Std}} {
		switch len(c.from) {
		case 1:
			v := float32(c.from[0])
			*c.to = [3]float32{v, v, v}
		case 3:
			for i, v := range c.from {
				c.to[i] = float32(v)
			}
			if n.BGR { // the lock lists channels in the model's order
				c.to[0], c.to[2] = c.to[2], c.to[0]
			}
		default:
			return n, ekyc.Errorf(ekyc.ErrModelAltered, "the lock gives %d values where a model needs 1 or 3", len(c.from))
		}
	}
	return n, nil
}
