package main

import (
	"context"
	"fmt"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/face/liveness"
	"ekyc/internal/vision"
)

// InspectCmd is `ekyc inspect`.
type InspectCmd struct {
	modelFlags
	File string `arg:"" help:"Image file." placeholder:"FILE"`
	Read bool   `help:"Also run the visual modules on it and say what each found."`
	JSON bool   `help:"Print JSON."`
}

// inspection is what was found out about one file.
type inspection struct {
	vision.Info
	ElapsedMS float64        `json:"elapsed_ms"`
	Liveness  ekyc.ErrorCode `json:"liveness,omitempty"` // "ok" or the code of what was missing
	Document  ekyc.ErrorCode `json:"document,omitempty"`
}

// found stands for a module that gave an answer.
const found ekyc.ErrorCode = "ok"

// Run decodes the file and, when asked, reads it. Small images are inspected too: the limit on the shorter side depends on
// what the image is for.
func (i *InspectCmd) Run(ctx context.Context, c *console) error {
	data, err := readFile(ctx, i.File, vision.SceneLimits.MaxBytes)
	if err != nil {
		return err
	}
	limits := vision.SceneLimits
	limits.MinSide = 1
	start := time.Now()
	picture, err := vision.Decode(data, limits)
	if err != nil {
		return err
	}
	result := inspection{Info: picture.Info, ElapsedMS: float64(time.Since(start)) / float64(time.Millisecond)}
	if i.Read {
		if err := i.read(ctx, picture, &result); err != nil {
			return err
		}
	}
	if i.JSON {
		return writeJSON(c.out, result)
	}
	fmt.Fprintf(c.out, "%s, %d x %d pixels, orientation %d, decoded in %.0f ms\n", result.Format, result.Width, result.Height, result.Orientation, result.ElapsedMS)
	if i.Read {
		fmt.Fprintf(c.out, "liveness: %s\ndocument: %s\n", result.Liveness, result.Document)
	}
	return nil
}

// read runs liveness and the reading of a document on the picture. That there is no face or document is a finding.
func (i *InspectCmd) read(ctx context.Context, picture *vision.Picture, result *inspection) error {
	e, err := i.open()
	if err != nil {
		return err
	}
	defer e.Close()
	_, faceErr := e.Liveness(ctx, []*vision.Picture{picture}, liveness.Hints{})
	_, documentErr := e.ReadDocument(ctx, engine.DocumentRequest{Front: picture, At: time.Now()})
	for _, f := range []struct {
		err  error
		into *ekyc.ErrorCode
	}{{faceErr, &result.Liveness}, {documentErr, &result.Document}} {
		switch code := ekyc.CodeOf(f.err); code {
		case "":
			*f.into = found
		case ekyc.ErrInternal, ekyc.ErrCancelled:
			return f.err
		default:
			*f.into = code
		}
	}
	return nil
}
