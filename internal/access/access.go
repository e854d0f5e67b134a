// Package access gives out everything that is held about one subject: a ZIP archive of one JSON document, subject.json, and the pictures.
//
// It is written as it is read, a few rows at a time, so that neither memory nor a transaction grows with what there is. Each room tells what
// it holds; nothing is looked up in their tables from here. docs/security/access.md describes the document.
package access

import (
	"archive/zip"
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/capture"
	"ekyc/internal/consent"
	"ekyc/internal/idempotency"
	"ekyc/internal/metering"
	"ekyc/internal/receipt"
	"ekyc/internal/reference"
	"ekyc/internal/retention"
	"ekyc/internal/reuse"
	"ekyc/internal/review"
	"ekyc/internal/store"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
	"ekyc/internal/workflow"
)

// Format and Version name the form of the document. Members are only ever added within a version.
const (
	Format  = "ekyc-subject-export"
	Version = 1
)

// documentName is that of the document in the archive; pictures stand beside it in mediaFolder.
const (
	documentName = "subject.json"
	mediaFolder  = "media/"
)

// page is how much of one kind is read at once: a job has a few ten kB.
const page = 25

// Rooms are those that hold something of subjects.
type Rooms struct {
	DB         *store.DB
	Vault      *vault.Vault
	Consents   *consent.Service
	Jobs       *workflow.Service
	Reviews    *review.Service
	Receipts   *receipt.Service
	Captures   *capture.Service
	Reuse      *reuse.Service
	Metering   *metering.Service
	Webhooks   *webhook.Service
	References *reference.Templates
	Answers    *idempotency.Service
	Retention  *retention.Service
	Audit      *audit.Log
}

// Exporter writes archives. It is safe for concurrent use.
type Exporter struct{ Rooms }

// New makes an exporter.
func New(rooms Rooms) *Exporter { return &Exporter{rooms} }

// Write writes the archive of a subject. Errors: ErrNotFound; ErrGone after erasure, also where that happens meanwhile, and the archive is then not
// whole; those of w.
func (e *Exporter) Write(ctx context.Context, w io.Writer, scope ekyc.Scope, subject ekyc.ID) error {
	x := &export{Exporter: e, scope: scope, subject: subject, files: map[ekyc.ID]string{}}
	archive := zip.NewWriter(w)
	if err := x.pictures(ctx, archive); err != nil {
		return err
	}
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: documentName, Method: zip.Deflate, Modified: time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("write an archive: %w", err)
	}
	buffered := bufio.NewWriterSize(entry, 64<<10)
	if err := x.document(ctx, &writer{w: buffered}); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write an archive: %w", err)
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write an archive: %w", err)
	}
	return nil
}

// export is one archive under way.
type export struct {
	*Exporter
	scope   ekyc.Scope
	subject ekyc.ID
	files   map[ekyc.ID]string // names of the pictures that are in the archive
}

// in runs a read in a short transaction of its own. Error: ErrGone once the subject is erased, whatever has been written by then.
func (x *export) in(ctx context.Context, read func(ctx context.Context, tx pgx.Tx) error) error {
	return x.DB.InTenant(ctx, x.scope, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := x.Vault.GetSubject(ctx, tx, x.scope, x.subject); err != nil {
			return err
		}
		return read(ctx, tx)
	})
}

// media passes all media of the subject to use, the newest first.
func (x *export) media(ctx context.Context, use func(vault.Media) error) error {
	for after := ekyc.ID(""); ; {
		var found []vault.Media
		err := x.in(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			found, err = x.Vault.MediaOfSubject(ctx, tx, x.scope, x.subject, after, page)
			return err
		})
		if err != nil {
			return err
		}
		for _, m := range found {
			if err := use(m); err != nil {
				return err
			}
		}
		if len(found) < page {
			return nil
		}
		after = found[len(found)-1].ID
	}
}

// pictures writes the pictures, decrypted, one after the other. One whose time ends meanwhile is left out.
func (x *export) pictures(ctx context.Context, archive *zip.Writer) error {
	return x.media(ctx, func(m vault.Media) error {
		data, _, err := x.Vault.ReadMedia(ctx, x.scope, m.ID)
		switch ekyc.CodeOf(err) {
		case ekyc.ErrNotFound, ekyc.ErrGone:
			return nil
		}
		if err != nil {
			return err
		}
		name := mediaFolder + string(m.ID) + extension(data)
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: m.CreatedAt.UTC()})
		if err == nil {
			_, err = entry.Write(data)
		}
		if err != nil {
			return fmt.Errorf("write a picture into an archive: %w", err)
		}
		x.files[m.ID] = name
		return nil
	})
}

// extension is the usual one of the pictures that are accepted, by their first bytes.
func extension(data []byte) string {
	switch {
	case len(data) > 3 && data[0] == 0xff && data[1] == 0xd8:
		return ".jpg"
	case len(data) > 8 && string(data[1:4]) == "PNG":
		return ".png"
	case len(data) > 12 && string(data[8:12]) == "WEBP":
		return ".webp"
	}
	return ".bin"
}
