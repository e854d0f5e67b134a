package vision

/*
#include <malloc.h>

// The C library keeps a heap for each thread, up to eight a core, and the blocks of models and decoders in heaps of idle threads are
// never given back. Two heaps serve as fast here and hold a third less. The library looks at the number once, when a second thread
// asks for memory: so it is set before there is one.
__attribute__((constructor)) static void ekyc_few_heaps(void) { mallopt(M_ARENA_MAX, 2); }

static void ekyc_release(void) { malloc_trim(0); }
*/
import "C"

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"ekyc"
)

// ReleaseMemory gives the free pages of the C library's heaps back to the system. Tensors of ever other sizes leave holes in
// them, which otherwise add up over hundreds of pictures. It takes some milliseconds.
func ReleaseMemory() { C.ekyc_release() }

// Runtime is ONNX Runtime loaded into this process. The library holds one environment a process, so OpenRuntime may be
// called again but only with the same path.
type Runtime struct{ version string }

// environment remembers which library this process has loaded: a second one cannot be.
var environment struct {
	sync.Mutex
	path string
}

// OpenRuntime loads the shared library of ONNX Runtime (1.24 or newer). Errors: ErrRuntimeMissing.
func OpenRuntime(libraryPath string) (*Runtime, error) {
	environment.Lock()
	defer environment.Unlock()
	if environment.path != "" {
		if environment.path != libraryPath {
			return nil, ekyc.Errorf(ekyc.ErrRuntimeMissing, "another ONNX Runtime library is already loaded in this process")
		}
		return &Runtime{ort.GetVersion()}, nil
	}
	ort.SetSharedLibraryPath(libraryPath)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrRuntimeMissing, "ONNX Runtime cannot be loaded; run `ekyc models pull`").Because(err)
	}
	environment.path = libraryPath
	return &Runtime{ort.GetVersion()}, nil
}

// Version is the version that the library says it has.
func (r *Runtime) Version() string { return r.version }

// Session is one model ready to run. It is safe for concurrent use; with one thread a run happens on the caller's core.
type Session struct {
	name            string
	session         *ort.DynamicAdvancedSession
	inputs, outputs []string
	runs, spent     atomic.Int64
}

// Load makes a session of a model's bytes with the given number of threads inside an operator.
func (r *Runtime) Load(name string, model []byte, threads int) (*Session, error) {
	in, out, err := ort.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrModelAltered, "model %s is not a readable ONNX graph; run `ekyc models pull`", name).Because(err)
	}
	s := &Session{name: name}
	for _, i := range in {
		s.inputs = append(s.inputs, i.Name)
	}
	for _, o := range out {
		if o.DataType != ort.TensorElementDataTypeFloat {
			return nil, ekyc.Errorf(ekyc.ErrModelAltered, "model %s gives %s where float32 is supported", name, o.DataType)
		}
		s.outputs = append(s.outputs, o.Name)
	}
	options, err := sessionOptions(threads)
	if err != nil {
		return nil, fmt.Errorf("options of model %s: %w", name, err)
	}
	defer options.Destroy()
	if s.session, err = ort.NewDynamicAdvancedSessionWithONNXData(model, s.inputs, s.outputs, options); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrModelAltered, "model %s cannot be loaded", name).Because(err)
	}
	return s, nil
}

// sessionOptions keeps the process small and quiet: no arena, whose blocks of odd shapes are never given back (text
// lines come in every width), no memory pattern for the same reason, and no spinning threads between runs.
func sessionOptions(threads int) (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	for _, set := range []func() error{
		func() error { return options.SetIntraOpNumThreads(max(1, threads)) },
		func() error { return options.SetInterOpNumThreads(1) },
		func() error { return options.SetCpuMemArena(false) },
		func() error { return options.SetMemPattern(false) },
		func() error { return options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll) },
		func() error { return options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
	} {
		if err := set(); err != nil {
			options.Destroy()
			return nil, err
		}
	}
	return options, nil
}

// Name is the model's name in the lock file.
func (s *Session) Name() string { return s.name }

// Inputs and Outputs are the names of the model's tensors, in the order in which Run takes and gives them.
func (s *Session) Inputs() []string  { return s.inputs }
func (s *Session) Outputs() []string { return s.outputs }

// Spent is how often the model has run since it was loaded and how long it took in all, summed over concurrent runs.
func (s *Session) Spent() (runs int64, total time.Duration) {
	return s.runs.Load(), time.Duration(s.spent.Load())
}

// Run executes the model. A context that ends while the model runs stops it. Errors: ErrCancelled, ErrInternal.
func (s *Session) Run(ctx context.Context, inputs ...Tensor) ([]Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrCancelled, "the work was cancelled").Because(err)
	}
	values := make([]ort.Value, 0, len(inputs))
	defer func() {
		for _, v := range values {
			v.Destroy()
		}
	}()
	for _, t := range inputs {
		v, err := ort.NewTensor(ort.NewShape(t.Shape...), t.Data)
		if err != nil {
			return nil, s.failed(err)
		}
		values = append(values, v)
	}
	results := make([]ort.Value, len(s.outputs))
	start := time.Now()
	err := s.runUnder(ctx, values, results)
	s.runs.Add(1)
	s.spent.Add(int64(time.Since(start)))
	if err != nil {
		return nil, err
	}
	tensors := make([]Tensor, len(results))
	for i, v := range results {
		t, ok := v.(*ort.Tensor[float32])
		if !ok {
			return nil, s.failed(fmt.Errorf("output %s is not float32", s.outputs[i]))
		}
		tensors[i] = Tensor{append([]int64(nil), t.GetShape()...), append([]float32(nil), t.GetData()...)}
		t.Destroy()
	}
	return tensors, nil
}

// runUnder runs the session and asks the library to stop when the context ends first.
func (s *Session) runUnder(ctx context.Context, inputs, outputs []ort.Value) error {
	if ctx.Done() == nil {
		if err := s.session.Run(inputs, outputs); err != nil {
			return s.failed(err)
		}
		return nil
	}
	options, err := ort.NewRunOptions()
	if err != nil {
		return s.failed(err)
	}
	var once sync.WaitGroup
	once.Add(1)
	stop := context.AfterFunc(ctx, func() { options.Terminate(); once.Done() })
	err = s.session.RunWithOptions(inputs, outputs, options)
	if !stop() {
		once.Wait()
	}
	options.Destroy()
	if ctx.Err() != nil && err != nil {
		return ekyc.Errorf(ekyc.ErrCancelled, "the work was cancelled").Because(ctx.Err())
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

func (s *Session) failed(err error) error {
	return ekyc.Errorf(ekyc.ErrInternal, "model %s could not be run", s.name).Because(err)
}

// Close frees the model. No Run may be under way.
func (s *Session) Close() error { return s.session.Destroy() }
