package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"ekyc/internal/models"
)

// ModelsCmd is `ekyc models`.
type ModelsCmd struct {
	Pull   ModelsPullCmd   `cmd:"" help:"Fetch what the lock file names through npm and pip, convert and verify it."`
	List   ModelsListCmd   `cmd:"" help:"List the models with version, licence, origin and state."`
	Verify ModelsVerifyCmd `cmd:"" help:"Check every installed file against its pinned SHA-256."`
}

// ModelsPullCmd is `ekyc models pull`.
type ModelsPullCmd struct{ modelFlags }

// Run fetches what is missing or altered.
func (m *ModelsPullCmd) Run(ctx context.Context, c *console) error {
	return models.PullProfile(ctx, m.ModelsDir, m.Profile, c.err)
}

// ModelsListCmd is `ekyc models list`.
type ModelsListCmd struct {
	modelFlags
	JSON bool `help:"Print JSON."`
}

// Run prints the table.
func (m *ModelsListCmd) Run(c *console) error {
	library, err := models.Open(m.ModelsDir, m.Profile)
	if err != nil {
		return err
	}
	list := library.List()
	if m.JSON {
		return writeJSON(c.out, list)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tPACKAGE\tVERSION\tLICENCE\tORIGIN\tSTATE")
	for _, s := range list {
		origin := "documented"
		if !s.Asset.Origin.Documented {
			origin = "not documented"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Asset.Name, s.Asset.Kind, s.Asset.Source.Package, s.Asset.Source.Version, s.Asset.Licence, origin, s.State)
	}
	return w.Flush()
}

// ModelsVerifyCmd is `ekyc models verify`.
type ModelsVerifyCmd struct{ modelFlags }

// Run hashes every file of the profile.
func (m *ModelsVerifyCmd) Run(c *console) error {
	library, err := models.Open(m.ModelsDir, m.Profile)
	if err != nil {
		return err
	}
	if err := library.Verify(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d files in %s have the pinned bytes\n", len(library.List()), m.ModelsDir)
	return nil
}
