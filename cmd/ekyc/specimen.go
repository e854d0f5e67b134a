package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ekyc"
	"ekyc/internal/engine"
	"ekyc/internal/models"
	"ekyc/internal/specimen"
)

// SpecimenCmd is `ekyc specimen`.
type SpecimenCmd struct {
	Make SpecimenMakeCmd `cmd:"" default:"withargs" help:"Generate specimen documents, photographs of them and attacks, with their truth."`
	Demo SpecimenDemoCmd `cmd:"" help:"Make selfie.jpg and front.jpg of the sample person, from two different photographs."`
}

// specimenOutput says where files go.
type specimenOutput struct {
	modelFlags
	Out   string `help:"Directory for the files; it is made when missing." required:"" type:"path" placeholder:"DIR"`
	Force bool   `help:"Overwrite files that are there."`
}

// SpecimenMakeCmd is `ekyc specimen make`, the default.
type SpecimenMakeCmd struct {
	specimenOutput
	Seed       uint64                `help:"Seed; the same seed gives the same bytes." default:"1"`
	Count      int                   `help:"Number of documents." default:"8"`
	Kind       []specimen.Kind       `help:"Kinds, taken in turn: passport, id_card_td1, id_card_td2, visa_a, visa_b, residence_permit, driving_licence_eu, driving_licence_aamva, id_card_national, driving_licence_national. All when not given." placeholder:"KIND,…"`
	Form       []specimen.Form       `help:"Forms, taken in turn: clean, photo, attack. All when not given." placeholder:"FORM,…"`
	Scene      []specimen.Scene      `help:"Scenes of the photographs, taken in turn: plain, fingers, patterned, quarter_turn, mirrored, two_documents, both_sides, scan, page. Plain when not given." placeholder:"SCENE,…"`
	Attack     []specimen.AttackKind `help:"Forgeries of the form attack, taken in turn: photo_replaced, field_edited, mrz_edited, screen_recapture, print_recapture, monochrome_copy, area_cloned, field_retouched, field_spliced, portrait_pasted. All when not given." placeholder:"ATTACK,…"`
	Issuer     string                `help:"Issuing state as in a machine readable zone: UTO, D, FRA, ESP, ITA, NLD, POL, PRT, SWE, USA, and 31 more from AUT to ZAF. Any when not given." placeholder:"CODE"`
	Difficulty *float64              `help:"0 (flat, sharp, evenly lit) to 1 (tilted, blurred, noisy, glare, shadow). Each document draws its own when not given." placeholder:"0..1"`
	Width      int                   `help:"Width of the photographs in pixels." default:"4000"`
	Height     int                   `help:"Height of the photographs in pixels." default:"3000"`
	At         time.Time             `help:"Reference date from which validity is reckoned." default:"2026-01-01" format:"2006-01-02" placeholder:"DATE"`
	Figures    bool                  `help:"Draw figures instead of the photographs of people; needs no models."`
	Labels     bool                  `help:"Also write labels.json, so that ekyc bench can measure on the parent folder."`
}

// Run makes the files.
func (s *SpecimenMakeCmd) Run(ctx context.Context, c *console) error {
	if s.Count < 1 {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "--count must be at least 1")
	}
	order := specimen.Order{
		Seed: s.Seed, Kinds: s.Kind, Forms: s.Form, Scenes: s.Scene, Attacks: s.Attack, Issuer: s.Issuer, Difficulty: s.Difficulty, Width: s.Width, Height: s.Height, At: s.At,
	}
	if err := order.Validate(); err != nil {
		return err
	}
	var err error
	if !s.Figures {
		if order.Gallery, err = s.gallery(); err != nil {
			return err
		}
	}
	files, err := s.open()
	if err != nil {
		return err
	}
	var labels []specimen.Label
	for i := range s.Count {
		if err := ctx.Err(); err != nil {
			return ekyc.Errorf(ekyc.ErrCancelled, "stopped after %d of %d documents", i, s.Count).Because(err)
		}
		pictures, err := order.Make(i)
		if err != nil {
			return err
		}
		for _, p := range pictures {
			if err := files.picture(p); err != nil {
				return err
			}
		}
		labels = append(labels, specimen.LabelOf(pictures))
		if c.terminal != nil {
			fmt.Fprintf(c.terminal, "\rspecimens %d of %d", i+1, s.Count)
		}
	}
	if c.terminal != nil {
		fmt.Fprintln(c.terminal)
	}
	if s.Labels {
		if err := files.json("labels.json", labels); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.out, "%d documents in %s\n", s.Count, s.Out)
	return err
}

// gallery opens the photographs of people among the models.
func (o *specimenOutput) gallery() (*specimen.Gallery, error) {
	library, err := models.Open(o.ModelsDir, o.Profile)
	if err != nil {
		return nil, err
	}
	photographs, err := engine.Photographs(library)
	if err != nil {
		return nil, err
	}
	return specimen.NewGallery(photographs)
}

// SpecimenDemoCmd is `ekyc specimen demo`.
type SpecimenDemoCmd struct {
	specimenOutput
	// The default gives a passport that is valid until 2035 and a holder of about the age that the photographs show.
	Seed uint64 `help:"Seed; the same seed gives the same bytes." default:"28"`
}

// Run makes the two photographs.
func (s *SpecimenDemoCmd) Run(c *console) error {
	gallery, err := s.gallery()
	if err != nil {
		return err
	}
	pair, err := gallery.DemonstrationPair(s.Seed)
	if err != nil {
		return err
	}
	files, err := s.open()
	if err != nil {
		return err
	}
	pair.Truth.File = "front.jpg"
	if err := files.write("selfie.jpg", pair.Selfie); err != nil {
		return err
	}
	if err := files.picture(&specimen.Picture{Data: pair.Front, Truth: pair.Truth}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "selfie.jpg and front.jpg of the sample person in %s\n", s.Out)
	return err
}

// specimenFiles writes into a directory without touching what is there, unless forced.
type specimenFiles struct {
	dir   string
	force bool
}

func (o *specimenOutput) open() (*specimenFiles, error) {
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "the directory %s cannot be made", o.Out).Because(err)
	}
	return &specimenFiles{o.Out, o.Force}, nil
}

// picture writes an image and its truth beside it, under the same name with the ending .json.
func (f *specimenFiles) picture(p *specimen.Picture) error {
	if err := f.write(p.Truth.File, p.Data); err != nil {
		return err
	}
	name := p.Truth.File
	return f.json(name[:len(name)-len(filepath.Ext(name))]+".json", p.Truth)
}

func (f *specimenFiles) json(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return f.write(name, append(data, '\n'))
}

func (f *specimenFiles) write(name string, data []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !f.force {
		flags |= os.O_EXCL
	}
	path := filepath.Join(f.dir, name)
	file, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "%s is there already; --force overwrites", path)
	}
	if err == nil {
		_, err = file.Write(data)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "%s cannot be written", path).Because(err)
	}
	return nil
}
