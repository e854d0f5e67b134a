package bench

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/face"
	"ekyc/internal/face/liveness"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

const (
	// pipelinePairs different selfies and documents are generated, pipelineRuns verifications are timed over them, after pipelineWarm
	// that are not.
	pipelinePairs = 4
	pipelineRuns  = 60
	pipelineWarm  = 4
	// pipelineSeed makes photographs that nothing was tuned on.
	pipelineSeed = 20261001
)

// pipeline times whole verifications of generated 12-megapixel photographs, one at a time, from file bytes.
func (b *Bench) pipeline(ctx context.Context) (*PipelineResult, error) {
	requests, err := b.photographs(ctx)
	if err != nil {
		return nil, err
	}
	result := &PipelineResult{Stages: map[string]Latency{}, Models: map[string]Latency{}, ReadyMS: milliseconds(b.engine.OpenedIn())}
	var total []float64
	stages, models := map[string][]float64{}, map[string][]float64{}
	progress := b.progress("pipeline", pipelineWarm+pipelineRuns)
	defer progress.done()
	for i := range pipelineWarm + pipelineRuns {
		before := b.engine.ModelTimes()
		start := time.Now()
		v, err := b.engine.Verify(ctx, requests[i%len(requests)])
		elapsed := milliseconds(time.Since(start))
		if err != nil {
			return nil, err
		}
		progress.step()
		if i < pipelineWarm {
			continue
		}
		total = append(total, elapsed)
		for _, step := range v.Steps {
			stages[step.Name] = append(stages[step.Name], step.DurationMS)
			for name, ms := range step.StagesMS {
				stages[step.Name+"."+name] = append(stages[step.Name+"."+name], ms)
			}
		}
		for name, spent := range b.engine.ModelTimes() {
			models[name] = append(models[name], milliseconds(spent-before[name]))
		}
	}
	sum := 0.0
	for _, ms := range total {
		sum += ms
	}
	result.Latency, result.PerSecond = NewLatency(total), 1000*float64(len(total))/sum
	for name, ms := range stages {
		result.Stages[name] = NewLatency(ms)
	}
	for name, ms := range models {
		result.Models[name] = NewLatency(ms)
	}
	result.RSSMB = residentMB()
	return result, nil
}

// photographs generates the 12-megapixel pairs on which every speed is measured, once a run.
func (b *Bench) photographs(ctx context.Context) ([]engine.VerifyRequest, error) {
	if b.generated != nil {
		return b.generated, nil
	}
	portraits, err := b.engine.Photographs()
	if err != nil {
		return nil, err
	}
	progress := b.progress("generating", pipelinePairs)
	defer progress.done()
	for i := range pipelinePairs {
		if err := stopped(ctx); err != nil {
			return nil, err
		}
		pair, err := specimen.TwelveMegapixelPair(pipelineSeed+uint64(i), portraits)
		if err != nil {
			return nil, err
		}
		b.generated = append(b.generated, engine.VerifyRequest{
			Selfie: [][]byte{pair.Selfie}, Front: pair.Front, Checks: check.Policy{SpecimensAllowed: true}, Policy: decision.DefaultPolicy(), At: time.Now(),
		})
		progress.step()
	}
	debug.FreeOSMemory() // what drawing took is not what verifying takes
	return b.generated, nil
}

// timed runs work over the generated photographs one at a time, as often as a pipeline is timed, and gives its times.
func (b *Bench) timed(ctx context.Context, name string, work func(r engine.VerifyRequest) error) (Latency, error) {
	requests, err := b.photographs(ctx)
	if err != nil {
		return Latency{}, err
	}
	var ms []float64
	progress := b.progress(name, pipelineWarm+pipelineRuns)
	defer progress.done()
	for i := range pipelineWarm + pipelineRuns {
		if err := stopped(ctx); err != nil {
			return Latency{}, err
		}
		start := time.Now()
		if err := work(requests[i%len(requests)]); err != nil {
			return Latency{}, err
		}
		if i >= pipelineWarm {
			ms = append(ms, milliseconds(time.Since(start)))
		}
		progress.step()
	}
	return NewLatency(ms), nil
}

// timeComparisons times the comparison of two selfies, from file bytes.
func (b *Bench) timeComparisons(ctx context.Context) (Latency, error) {
	return b.timed(ctx, "comparing", func(r engine.VerifyRequest) error {
		first, err := b.sample(ctx, r.Selfie[0])
		if err != nil {
			return err
		}
		second, err := b.sample(ctx, b.generated[0].Selfie[0])
		if err != nil {
			return err
		}
		_, err = b.engine.Faces().Compare(first.Embedding, second.Embedding, face.Options{})
		return err
	})
}

// timeLiveness times the verdict on one selfie, from file bytes.
func (b *Bench) timeLiveness(ctx context.Context) (Latency, error) {
	return b.timed(ctx, "judging", func(r engine.VerifyRequest) error {
		picture, err := vision.Decode(r.Selfie[0], vision.SceneLimits)
		if err != nil {
			return err
		}
		_, err = b.engine.Liveness(ctx, []*vision.Picture{picture}, liveness.Hints{})
		return err
	})
}

// timeDocuments times the reading of a whole document and of its machine readable zone alone, from file bytes.
func (b *Bench) timeDocuments(ctx context.Context) (whole, zone Latency, err error) {
	whole, err = b.timed(ctx, "reading", func(r engine.VerifyRequest) error {
		picture, err := vision.Decode(r.Front, vision.SceneLimits)
		if err != nil {
			return err
		}
		_, err = b.engine.ReadDocument(ctx, engine.DocumentRequest{Front: picture, At: r.At})
		return err
	})
	if err != nil {
		return whole, zone, err
	}
	zone, err = b.timed(ctx, "zone alone", func(r engine.VerifyRequest) error {
		picture, err := vision.Decode(r.Front, vision.SceneLimits)
		if err != nil {
			return err
		}
		_, err = b.engine.ReadMRZ(ctx, picture)
		return err
	})
	return whole, zone, err
}

// residentMB is the resident memory of this process now; 0 where the system does not tell.
func residentMB() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
