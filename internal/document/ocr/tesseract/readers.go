package tesseract

import (
	"context"
	"sync"

	"ekyc/internal/document/ocr"
	"ekyc/internal/vision"
)

// Readers holds a reader for each script that has been asked for. Most documents need none, so none is opened before. It is safe for
// concurrent use.
type Readers struct {
	dataDir string
	mutex   sync.Mutex
	open    map[Script]*Reader
}

// NewReaders makes them; dataDir as for Open.
func NewReaders(dataDir string) *Readers {
	return &Readers{dataDir: dataDir, open: map[Script]*Reader{}}
}

// Line reads a crop as Reader.Line does. Errors: those of Open, when it is the first line in the script, and of Reader.Line.
func (r *Readers) Line(ctx context.Context, script Script, g *vision.Gray) (ocr.Line, error) {
	reader, err := r.reader(script)
	if err != nil {
		return ocr.Line{}, err
	}
	return reader.Line(ctx, g)
}

func (r *Readers) reader(script Script) (*Reader, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if reader := r.open[script]; reader != nil {
		return reader, nil
	}
	reader, err := Open(r.dataDir, script)
	if err != nil {
		return nil, err
	}
	r.open[script] = reader
	return reader, nil
}

// Close closes the readers that were opened. A script that is asked for after it is opened anew.
func (r *Readers) Close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for script, reader := range r.open {
		reader.Close()
		delete(r.open, script)
	}
}
