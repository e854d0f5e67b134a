package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

	"ekyc"
)

// MediaKind is what a picture shows.
type MediaKind string

// The kinds of media.
const (
	MediaSelfie        MediaKind = "selfie"
	MediaFrame         MediaKind = "frame"
	MediaDocumentFront MediaKind = "document_front"
	MediaDocumentBack  MediaKind = "document_back"
	MediaFaceCrop      MediaKind = "face_crop" // a face cut out of a photograph
	MediaReference     MediaKind = "reference"
)

// MediaInput is a picture to be kept.
type MediaInput struct {
	Subject  ekyc.ID // whose it is, and under whose key it is sealed
	Job      ekyc.ID // "" where no job owns it
	Kind     MediaKind
	Position int // among the job's media of that kind, from 0
	Data     []byte
	Expires  *time.Time // nil: kept until it is deleted
	Kept     bool       // it stays beyond the work that it is taken for
}

// Media is a kept picture without its bytes.
type Media struct {
	ID        ekyc.ID
	Subject   ekyc.ID
	Job       ekyc.ID // "" where no job owns it
	Kind      MediaKind
	Position  int
	Size      int64 // bytes before encryption
	CreatedAt time.Time
	Expires   *time.Time
	Kept      bool // it stays beyond the work that it was taken for: clients may see it, and are told of its end
}

// object is what a picture is bound as: a row that is altered to show it as another does not open.
func (m Media) object() string {
	return fmt.Sprintf("%s/%s/%s/%d", m.ID, m.Job, m.Kind, m.Position)
}

// PutMedia encrypts a picture, writes its file and then its row, which commits with tx. A file whose row never commits is removed by
// Sweep. Errors: ErrInvalidArgument without data or subject, ErrNotFound and ErrGone for the subject.
func (v *Vault) PutMedia(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, in MediaInput) (ekyc.ID, error) {
	if in.Subject == "" || len(in.Data) == 0 {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "media need a subject and bytes")
	}
	query := subjectHeld
	if in.Kind == MediaReference {
		query = subjectMine
	}
	key, err := v.dataKey(ctx, tx, scope, in.Subject, query)
	if err != nil {
		return "", err
	}
	m := Media{ID: ekyc.NewID(ekyc.KindMedia), Subject: in.Subject, Job: in.Job, Kind: in.Kind, Position: in.Position}
	sealed, err := seal(key, binding(scope, in.Subject, m.object()), in.Data)
	if err != nil {
		return "", err
	}
	blob := newBlobName()
	if w, noting := ctx.Value(writtenKey{}).(*Written); noting {
		w.blobs = append(w.blobs, blob)
	}
	if err := v.blobs.Put(ctx, blob, sealed); err != nil {
		return "", fmt.Errorf("write a media file: %w", err)
	}
	_, err = tx.Exec(ctx, `insert into media (tenant_id, environment, id, subject_id, job_id, kind, position, size, blob, expires_at, kept)
		values ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9, $10, $11)`,
		scope.Tenant, scope.Environment, m.ID, in.Subject, in.Job, in.Kind, in.Position, len(in.Data), blob, in.Expires, in.Kept)
	if err != nil {
		return "", fmt.Errorf("record media: %w", err)
	}
	return m.ID, nil
}

// Written are the files that PutMedia has written in a transaction that may not be committed.
type Written struct{ blobs, lost []string }

type writtenKey struct{}

// Note gives the context for one run of a transaction: what PutMedia writes under it is noted. The files of an earlier run are lost.
func (w *Written) Note(ctx context.Context) context.Context {
	w.lost, w.blobs = append(w.lost, w.blobs...), nil
	return context.WithValue(ctx, writtenKey{}, w)
}

// Withdraw removes the files of runs that were not committed, and those of the last run too unless that is or may be committed. A file
// that cannot be removed is left to SweepFiles.
func (v *Vault) Withdraw(ctx context.Context, w *Written, committed bool) {
	if !committed {
		w.lost = append(w.lost, w.blobs...)
	}
	if err := v.DeleteBlobs(context.WithoutCancel(ctx), w.lost); err != nil {
		v.logger.WarnContext(ctx, "files without rows are left to the sweep", "error.message", err.Error())
	}
}

// newBlobName gives a name that says nothing: 128 random bits.
func newBlobName() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// mediaRow is a row of media.
type mediaRow struct {
	ID        ekyc.ID
	SubjectID ekyc.ID
	JobID     *ekyc.ID
	Kind      MediaKind
	Position  int
	Size      int64
	Blob      string
	CreatedAt time.Time
	ExpiresAt *time.Time
	Kept      bool
}

const mediaColumns = "id, subject_id, job_id, kind, position, size, blob, created_at, expires_at, kept"

// mediaEnds is true of media that have an end and are not held, mediaOver of those that are past it.
const (
	mediaEnds = "expires_at is not null and not held"
	mediaOver = "(expires_at <= now() and not held)"
)

func (r mediaRow) media() Media {
	m := Media{ID: r.ID, Subject: r.SubjectID, Kind: r.Kind, Position: r.Position, Size: r.Size, CreatedAt: r.CreatedAt, Expires: r.ExpiresAt, Kept: r.Kept}
	if r.JobID != nil {
		m.Job = *r.JobID
	}
	return m
}

// ErrStoreAway is in the chain of an error of ReadMedia while the place of the files cannot be reached: nothing is wrong with the picture.
var ErrStoreAway = errors.New("the media store is away")

// ReadMedia gives a picture's bytes. Errors: ErrNotFound, ErrGone past its expiry; once the subject has been erased, ErrGone for what was kept and
// ErrNotFound for the rest.
func (v *Vault) ReadMedia(ctx context.Context, scope ekyc.Scope, id ekyc.ID) ([]byte, Media, error) {
	return v.readMedia(ctx, scope, id, func(context.Context, pgx.Tx, Media) error { return nil })
}

// ShowMedia is ReadMedia for who asks from outside: only what is kept beyond the work it was taken for is there. Before any of it is read,
// noted is called with what it is, in a transaction of the scope that must commit first.
func (v *Vault) ShowMedia(ctx context.Context, scope ekyc.Scope, id ekyc.ID, noted func(ctx context.Context, tx pgx.Tx, m Media) error) ([]byte, Media, error) {
	return v.readMedia(ctx, scope, id, func(ctx context.Context, tx pgx.Tx, m Media) error {
		if !m.Kept {
			return noMedia()
		}
		return noted(ctx, tx, m)
	})
}

func (v *Vault) readMedia(ctx context.Context, scope ekyc.Scope, id ekyc.ID, noted func(context.Context, pgx.Tx, Media) error) ([]byte, Media, error) {
	var row mediaRow
	var key tink.AEAD
	err := v.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		if row, err = readableMedia(ctx, tx, scope, id); err != nil {
			return err
		}
		if key, err = v.dataKey(ctx, tx, scope, row.SubjectID, subjectRead); err != nil {
			return err
		}
		return noted(ctx, tx, row.media())
	})
	if err != nil {
		return nil, Media{}, err
	}
	sealed, err := v.blobs.Get(ctx, row.Blob)
	if ekyc.CodeOf(err) == ekyc.ErrUnavailable {
		err = errors.Join(ErrStoreAway, err)
	}
	if err != nil {
		return nil, Media{}, fmt.Errorf("read a media file: %w", err)
	}
	plaintext, err := open(key, binding(scope, row.SubjectID, row.media().object()), sealed)
	if err != nil {
		return nil, Media{}, err
	}
	return plaintext, row.media(), nil
}

// readableMedia gives the row of a picture that has not expired.
func readableMedia(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (mediaRow, error) {
	rows, err := tx.Query(ctx, "select "+mediaColumns+`, coalesce(`+mediaOver+`, false) as expired
		from media where tenant_id = $1 and environment = $2 and id = $3`, scope.Tenant, scope.Environment, id)
	if err != nil {
		return mediaRow{}, fmt.Errorf("read media: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[struct {
		mediaRow
		Expired bool
	}])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return mediaRow{}, whyNoMedia(ctx, tx, scope, id)
	case err != nil:
		return mediaRow{}, fmt.Errorf("read media: %w", err)
	case row.Expired:
		return mediaRow{}, mediaIsOver()
	}
	return row.mediaRow, nil
}

// whyNoMedia tells a picture whose time was over, or that went with its subject, from one that never was.
func whyNoMedia(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) error {
	var erased *time.Time
	err := tx.QueryRow(ctx, `select s.erased_at from media_over m left join subject s on s.tenant_id = m.tenant_id and s.environment = m.environment and s.id = m.subject_id
		where m.tenant_id = $1 and m.environment = $2 and m.id = $3`, scope.Tenant, scope.Environment, id).Scan(&erased)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return noMedia()
	case err != nil:
		return fmt.Errorf("read media: %w", err)
	case erased != nil:
		return gone(erased)
	}
	return mediaIsOver()
}

func mediaIsOver() error { return ekyc.Errorf(ekyc.ErrGone, "the media has expired") }

// FindMedia says what a picture is that ShowMedia would give. Errors: those of ShowMedia.
func (v *Vault) FindMedia(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, id ekyc.ID) (Media, error) {
	row, err := readableMedia(ctx, tx, scope, id)
	if err == nil && !row.Kept {
		err = noMedia()
	}
	if err != nil {
		return Media{}, err
	}
	return row.media(), nil
}

func noMedia() error { return ekyc.Errorf(ekyc.ErrNotFound, "there is no such media") }

// MediaOfJob lists a job's media by kind and position.
func (v *Vault) MediaOfJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) ([]Media, error) {
	rows, err := tx.Query(ctx, "select "+mediaColumns+` from media where tenant_id = $1 and environment = $2 and job_id = $3
		order by kind, position`, scope.Tenant, scope.Environment, job)
	if err != nil {
		return nil, fmt.Errorf("list a job's media: %w", err)
	}
	return collectMedia(rows)
}

// KeptMediaOfJob lists those of a job's media that stay beyond it and are not over.
func (v *Vault) KeptMediaOfJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID) ([]Media, error) {
	rows, err := tx.Query(ctx, "select "+mediaColumns+` from media where tenant_id = $1 and environment = $2 and job_id = $3 and kept
		and not coalesce(`+mediaOver+`, false) order by kind, position`, scope.Tenant, scope.Environment, job)
	if err != nil {
		return nil, fmt.Errorf("list a job's media: %w", err)
	}
	return collectMedia(rows)
}

func collectMedia(rows pgx.Rows) ([]Media, error) {
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[mediaRow])
	if err != nil {
		return nil, fmt.Errorf("list media: %w", err)
	}
	media := make([]Media, len(found))
	for i, row := range found {
		media[i] = row.media()
	}
	return media, nil
}

// KeepMediaOfJob lets a job's media expire no sooner than so long from now. It never shortens their time.
func (v *Vault) KeepMediaOfJob(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, job ekyc.ID, d time.Duration) error {
	_, err := tx.Exec(ctx, `update media set expires_at = clock_timestamp() + $4::interval
		where tenant_id = $1 and environment = $2 and job_id = $3 and expires_at < clock_timestamp() + $4::interval`,
		scope.Tenant, scope.Environment, job, d)
	if err != nil {
		return fmt.Errorf("keep a job's media longer: %w", err)
	}
	return nil
}

// DeleteMediaOfJob deletes those of a job's media that do not stay beyond it, rows first and then files. It may be called again.
func (v *Vault) DeleteMediaOfJob(ctx context.Context, scope ekyc.Scope, job ekyc.ID) error {
	var blobs []string
	err := v.db.InTenant(ctx, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "delete from media where tenant_id = $1 and environment = $2 and job_id = $3 and not kept returning blob",
			scope.Tenant, scope.Environment, job)
		if err != nil {
			return fmt.Errorf("delete a job's media: %w", err)
		}
		if blobs, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return fmt.Errorf("delete a job's media: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return v.DeleteBlobs(ctx, blobs)
}

// DeleteBlobs removes files whose rows are gone, as EraseSubject names them; ones that are gone already are no error.
func (v *Vault) DeleteBlobs(ctx context.Context, names []string) error {
	var all error
	for _, name := range names {
		if err := v.blobs.Delete(ctx, name); err != nil {
			all = errors.Join(all, fmt.Errorf("delete a media file: %w", err))
		}
	}
	return all
}
