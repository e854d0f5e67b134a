package retention_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/killtest"
	"ekyc/internal/queue"
	"ekyc/internal/reference"
	"ekyc/internal/retention"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
	"ekyc/internal/webhook"
)

var server *storetest.Server

func TestMain(m *testing.M) {
	killtest.Main(killtest.Programs{"pass": killtest.Program(killedPass)})
	os.Exit(storetest.Main(m, &server, queue.Migrations, vault.Migrations, retention.Migrations, reference.Migrations, webhook.Migrations, audit.Migrations))
}

// place is what processes share.
type place struct{ URL, Directory string }

func newPlace(t testing.TB) place {
	t.Helper()
	p := place{server.URL(t), t.TempDir()}
	if _, err := keyring.Create(filepath.Join(p.Directory, "keys")); err != nil {
		t.Fatal(err)
	}
	return p
}

// rooms are those of one process, put together as the program does.
type rooms struct {
	db        *store.DB
	vault     *vault.Vault
	retention *retention.Service
	templates *reference.Templates
	webhooks  *webhook.Service
	audit     *audit.Log
}

func (p place) open(ctx context.Context, files blob.Store, tracer pgx.QueryTracer) (*rooms, error) {
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, p.URL, store.Options{Tracer: tracer})
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Open(filepath.Join(p.Directory, "keys"))
	if err != nil {
		return nil, err
	}
	r := &rooms{db: db, audit: audit.New(db, ring, audit.Options{Logger: quiet})}
	r.vault = vault.New(db, ring, files, vault.Options{Logger: quiet, Expired: r.expired})
	r.webhooks = webhook.New(db, r.vault, ring, webhook.Options{Logger: quiet})
	client, err := queue.New(db, queue.Options{Logger: quiet})
	if err != nil {
		return nil, err
	}
	r.webhooks.SetQueue(client)
	r.templates = reference.New(db, r.vault)
	r.retention = retention.New(db, r.vault, retention.Options{Logger: quiet})
	r.retention.SetParts(
		retention.Part{
			Class: retention.Selfie, Name: "photographs",
			Limit: func(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, days, most int) (int, error) {
				return r.vault.LimitMedia(ctx, tx, scope, []vault.MediaKind{vault.MediaSelfie}, time.Duration(days)*24*time.Hour, most)
			},
			Remove: func(ctx context.Context, most int) (map[retention.Class]int, error) {
				removed, err := r.vault.RemoveExpired(ctx, most)
				return map[retention.Class]int{retention.Selfie: len(removed)}, err
			},
			Oldest: func(ctx context.Context) (time.Time, error) {
				return r.vault.OldestExpired(ctx, []vault.MediaKind{vault.MediaSelfie})
			},
		},
		retention.Part{
			Class: retention.Template, Name: "templates",
			Remove: func(ctx context.Context, most int) (map[retention.Class]int, error) {
				n, err := r.templates.RemoveExpired(ctx, most)
				return map[retention.Class]int{retention.Template: n}, err
			},
			Oldest: r.templates.OldestExpired,
		},
	)
	return r, nil
}

// expired tells and enters, as the program does.
func (r *rooms) expired(ctx context.Context, tx pgx.Tx, scope ekyc.Scope, media []vault.Media) error {
	for _, m := range media {
		data := map[string]any{"media_ids": []ekyc.ID{m.ID}}
		if _, err := r.webhooks.Publish(ctx, tx, scope, webhook.Event{Type: webhook.MediaExpired, Data: data, Thin: data}); err != nil {
			return err
		}
		salt := audit.NewSalt()
		sealed, err := r.vault.Seal(ctx, tx, scope, m.Subject, audit.SaltObject, salt)
		if err != nil {
			return err
		}
		err = r.audit.Append(ctx, tx, audit.Entry{
			Action: audit.RetentionRemove, Scope: scope, Objects: []ekyc.ID{m.ID}, Subject: audit.Subject{ID: m.Subject, Salt: salt, Sealed: sealed},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p place) start(t testing.TB) *rooms {
	t.Helper()
	files, err := blob.OpenFiles(p.files())
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.open(t.Context(), files, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	return r
}

func (p place) files() string { return filepath.Join(p.Directory, "files") }

// fileCount counts the files of photographs.
func (p place) fileCount(t testing.TB) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.files(), "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func newScope() ekyc.Scope {
	return ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}
}

func (r *rooms) in(t testing.TB, scope ekyc.Scope, work func(context.Context, pgx.Tx) error) {
	t.Helper()
	if err := r.db.InTenant(t.Context(), scope, work); err != nil {
		t.Fatal(err)
	}
}

// keep puts a kept photograph that ends so long from now.
func (r *rooms) keep(t testing.TB, scope ekyc.Scope, subject ekyc.ID, left time.Duration) (id ekyc.ID) {
	t.Helper()
	ends := time.Now().Add(left)
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = r.vault.PutMedia(ctx, tx, scope, vault.MediaInput{
			Subject: subject, Job: ekyc.NewID(ekyc.KindJob), Kind: vault.MediaSelfie, Data: []byte("a photograph"), Expires: &ends, Kept: true,
		})
		return err
	})
	return id
}

func (r *rooms) subject(t testing.TB, scope ekyc.Scope) (id ekyc.ID) {
	t.Helper()
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) (err error) {
		id, err = r.vault.CreateSubject(ctx, tx, scope, "")
		return err
	})
	return id
}

// endpoint wants to be told of everything.
func (r *rooms) endpoint(t testing.TB, scope ekyc.Scope) {
	t.Helper()
	if _, _, err := r.webhooks.CreateEndpoint(t.Context(), scope, webhook.EndpointInput{URL: "https://example.com/hook"}); err != nil {
		t.Fatal(err)
	}
}

// told counts the events and entries about each photograph.
func told(t testing.TB, r *rooms, owner *pgx.Conn, scope ekyc.Scope) (events, entries map[ekyc.ID]int) {
	t.Helper()
	events, entries = map[ekyc.ID]int{}, map[ekyc.ID]int{}
	r.in(t, scope, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select id, body from webhook_event where type = 'media.expired'")
		if err != nil {
			return err
		}
		type event struct {
			ID   ekyc.ID
			Body []byte
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[event])
		if err != nil {
			return err
		}
		for _, e := range list {
			plain, err := r.vault.Open(ctx, tx, scope, "", string(e.ID)+"/body", e.Body)
			if err != nil {
				return err
			}
			var body struct {
				Data struct {
					MediaIDs []ekyc.ID `json:"media_ids"`
				}
			}
			if err := json.Unmarshal(plain, &body); err != nil {
				return err
			}
			for _, id := range body.Data.MediaIDs {
				events[id]++
			}
		}
		return nil
	})
	rows, err := owner.Query(t.Context(), "select jsonb_array_elements_text(objects) from ekyc.audit_entry where action = 'retention.remove'")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[ekyc.ID])
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		entries[id]++
	}
	return events, entries
}
