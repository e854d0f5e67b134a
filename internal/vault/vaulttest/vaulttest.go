// Package vaulttest gives tests of what stands above the vault an installation: root keys, files and a database, on which any number of
// processes can work.
package vaulttest

import (
	"context"
	"path/filepath"
	"testing"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/store/storetest"
	"ekyc/internal/vault"
)

// Site is one installation.
type Site struct {
	URL   string // of the database
	Ring  *keyring.Ring
	Files *blob.Files
	Scope ekyc.Scope // of a new tenant, live
}

// New makes an installation, which goes with the test.
func New(t testing.TB, server *storetest.Server) *Site {
	t.Helper()
	directory := t.TempDir()
	ring, err := keyring.Create(filepath.Join(directory, "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.OpenFiles(filepath.Join(directory, "files"))
	if err != nil {
		t.Fatal(err)
	}
	return &Site{server.URL(t), ring, files, ekyc.Scope{Tenant: ekyc.NewID(ekyc.KindTenant), Environment: ekyc.Live}}
}

// Process opens a pool and a vault, as each process of the service has its own.
func (s *Site) Process(t testing.TB) (*store.DB, *vault.Vault) {
	t.Helper()
	db, err := store.Open(context.Background(), s.URL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, vault.New(db, s.Ring, s.Files, vault.Options{})
}
