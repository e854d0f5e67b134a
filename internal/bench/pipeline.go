package bench

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"ekyc/internal/decision"
	"ekyc/internal/document/check"
	"ekyc/internal/engine"
	"ekyc/internal/specimen"
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
	requests, err := b.pipelineRequests(ctx)
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

// pipelineRequests generates the photographs.
func (b *Bench) pipelineRequests(ctx context.Context) ([]engine.VerifyRequest, error) {
	portraits, err := b.engine.Photographs()
	if err != nil {
		return nil, err
	}
	var requests []engine.VerifyRequest
	progress := b.progress("generating", pipelinePairs)
	defer progress.done()
	for i := range pipelinePairs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pair, err := specimen.TwelveMegapixelPair(pipelineSeed+uint64(i), portraits)
		if err != nil {
			return nil, err
		}
		requests = append(requests, engine.VerifyRequest{
			Selfie: [][]byte{pair.Selfie}, Front: pair.Front, Checks: check.Policy{SpecimensAllowed: true}, Policy: decision.DefaultPolicy(), At: time.Now(),
		})
		progress.step()
	}
	return requests, nil
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
