package workflow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/drafting"
	"ekyc/internal/pipeline"
)

// Pinned is a workflow as it judges one job, with what differs for that job.
type Pinned struct {
	Definition *pipeline.Definition // with its defaults filled in
	Name       string
	Version    int    // of the workflow that was named; what differs for the job shows in the hash alone
	Hash       string // SHA-256 of the definition in lower-case hex

	plan *pipeline.Pipeline
}

// Pin fixes what a workflow means with the settings of a request over it. The definition is one that was found valid when it was published.
// Errors: ErrInvalidArgument with the details "fields": what is wrong with the settings, by the member's name.
func Pin(d *pipeline.Definition, version int, s Settings, environment ekyc.Environment) (Pinned, error) {
	return pin(&drafting.Cache{}, d, version, s, environment)
}

// Pin resolves the workflow that a request names and fixes what it means for it. Errors: those of the function Pin; a name that leads nowhere is among
// them.
func (s *Service) Pin(ctx context.Context, scope ekyc.Scope, settings Settings) (Pinned, error) {
	d, version, err := s.resolve(ctx, scope, settings.Name)
	if ekyc.CodeOf(err) == ekyc.ErrNotFound {
		return Pinned{}, invalidSettings(map[string]string{"name": "there is no such workflow"})
	}
	if err != nil {
		return Pinned{}, err
	}
	pinned, err := pin(&s.plans, d, version, settings, scope.Environment)
	if err != nil {
		return Pinned{}, err
	}
	return pinned, s.promise(ctx, pinned.plan)
}

// resolve finds the workflow of a name. The one that the program brings needs no library.
func (s *Service) resolve(ctx context.Context, scope ekyc.Scope, name string) (d *pipeline.Definition, version int, err error) {
	if s.hooks.Library == nil || name == DefaultWorkflow {
		if cmp.Or(name, DefaultWorkflow) != DefaultWorkflow {
			return nil, 0, ekyc.Errorf(ekyc.ErrNotFound, "there is no such workflow")
		}
		return pipeline.Default(), drafting.BuiltInVersion, nil
	}
	err = s.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		d, version, err = s.hooks.Library.Resolve(ctx, tx, scope, name)
		return err
	})
	return d, version, err
}

func invalidSettings(problems map[string]string) error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "the workflow's settings are not valid").With("fields", problems)
}

func pin(plans *drafting.Cache, d *pipeline.Definition, version int, s Settings, environment ekyc.Environment) (Pinned, error) {
	effective, differs := s.over(*d)
	if differs {
		// The platform's operator may have waived rules when it was published.
		if err := pipeline.Check(&effective, pipeline.Options{Environment: environment, ByOperator: true}); err != nil {
			return Pinned{}, settingsProblem(err)
		}
	}
	hash := effective.Hash()
	plan, err := plans.Of(hash, func() (*pipeline.Definition, error) { return &effective, nil })
	if err != nil {
		return Pinned{}, unreadable(err)
	}
	return Pinned{Definition: plan.Definition(), Name: d.Name, Version: version, Hash: hash, plan: plan}, nil
}

// promise refuses a false match rate that the models at work cannot keep. Without an engine that says what it was measured to, the comparison itself
// refuses.
func (s *Service) promise(ctx context.Context, plan *pipeline.Pipeline) error {
	if problem := s.Promise(ctx, plan.Definition()); problem != "" {
		return invalidSettings(map[string]string{"face_match.target_fmr": problem})
	}
	return nil
}

// Promise says what is wrong with the false match rate that a definition asks for: one below what the models at work were measured down to, which no
// comparison could keep. It is "" where nothing is, and where no engine at hand says what it was measured to.
func (s *Service) Promise(ctx context.Context, d *pipeline.Definition) string {
	target := d.FaceMatch.TargetFMR
	if target == nil || s.engine == nil || !s.options.Ready() {
		return ""
	}
	inventory, err := s.engine.Models(ctx)
	if err != nil || inventory.Matcher.Calibration == nil {
		return ""
	}
	points := inventory.Matcher.Calibration.Points
	if least := points[len(points)-1].FMR; *target < least {
		return fmt.Sprintf("%g is below %g, down to which these models were measured", *target, least)
	}
	return ""
}

// settingsProblem gives the problems of a definition as those of the settings that made it.
func settingsProblem(err error) error {
	problem, ok := errors.AsType[*ekyc.Error](err)
	if !ok {
		return err
	}
	found, ok := problem.Details["problems"].([]pipeline.Problem)
	if !ok {
		return err
	}
	fields := map[string]string{}
	for _, f := range found {
		fields[f.Path] = f.Message
	}
	return invalidSettings(fields)
}

// planOf is the plan that a claimed job was pinned to.
func (s *Service) planOf(c *claim) (*pipeline.Pipeline, error) {
	plan, err := s.plans.Of(c.WorkflowHash, func() (*pipeline.Definition, error) {
		d := &pipeline.Definition{}
		return d, json.Unmarshal(c.Settings, d)
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return plan, nil
}

// unreadable is for a workflow that was valid once: nothing that a client does mends it.
func unreadable(err error) error {
	return ekyc.Errorf(ekyc.ErrInternal, "a workflow that was published cannot be read").Because(err)
}
