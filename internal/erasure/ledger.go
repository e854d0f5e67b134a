package erasure

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/vault"
)

// Authenticator makes keyed hashes under the root keys; a keyring.Ring is one.
type Authenticator interface {
	MAC(purpose string, data []byte) []byte
}

// Ledger is the list of all erasures outside of the database, a file each. It holds no personal data: whose subject was erased, and when. Every entry
// is authenticated under the root keys, its name follows from what it says, and it names the entry before it, so that none can be missing unseen.
type Ledger struct {
	files blob.Store
	ring  Authenticator
}

// NewLedger makes a ledger of files of its own, which hold nothing else.
func NewLedger(files blob.Store, ring Authenticator) *Ledger { return &Ledger{files, ring} }

// The forms of entries: those of before there was a chain, and those of it.
const (
	loneVersion    = "ekyc-erasure-ledger-1"
	chainedVersion = "ekyc-erasure-ledger-2"
)

// ledgerEntry is an entry as it is stored.
type ledgerEntry struct {
	Version     string           `json:"version"`
	Tenant      ekyc.ID          `json:"tenant_id"`
	Environment ekyc.Environment `json:"environment"`
	Subject     ekyc.ID          `json:"subject_id"`
	ErasedAt    time.Time        `json:"erased_at"`
	*Link
	MAC string `json:"mac"`
}

// Link is what an entry of the chain says of those before it. It is exported for encoding/json.
type Link struct {
	Number       int64  `json:"number"`                  // from 1
	Previous     string `json:"previous"`                // file of the entry before; "" of the first
	PreviousMAC  string `json:"previous_mac"`            // and its mac
	Earlier      int64  `json:"earlier,omitempty"`       // of the first: how many entries there were before the chain
	EarlierNames string `json:"earlier_names,omitempty"` // SHA-256 of the names of their files
}

// erasure is what the entry is about; no part has a line break.
func (e ledgerEntry) erasure() []byte {
	return []byte(strings.Join([]string{loneVersion, string(e.Tenant), string(e.Environment), string(e.Subject), strconv.FormatInt(e.ErasedAt.UnixMicro(), 10)}, "\n"))
}

// said is what is authenticated.
func (e ledgerEntry) said() []byte {
	if e.Link == nil {
		return e.erasure()
	}
	return fmt.Appendf(e.erasure(), "\n%s\n%d\n%s\n%s\n%d\n%s", chainedVersion, e.Number, e.Previous, e.PreviousMAC, e.Earlier, e.EarlierNames)
}

// chainedName marks names of entries of the chain, in the highest bit of their time.
const chainedName = 1 << 47

// name is that of the entry's file: 2 bytes that spread the files, the time of the erasure in milliseconds, and 8 bytes that tell entries of a
// millisecond apart.
func (l *Ledger) name(e ledgerEntry) string {
	sum := l.ring.MAC("erasure-ledger/name", e.erasure())
	ms := uint64(e.ErasedAt.UnixMilli())
	if e.Version == chainedVersion {
		ms |= chainedName
	}
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], ms)
	return hex.EncodeToString(sum[:2]) + hex.EncodeToString(at[2:]) + hex.EncodeToString(sum[2:10])
}

// timeOf is the time that a name carries, and whether it is of an entry of the chain.
func timeOf(name string) (at time.Time, chained, ok bool) {
	if len(name) != 32 {
		return time.Time{}, false, false
	}
	ms, err := strconv.ParseInt(name[4:16], 16, 64)
	return time.UnixMilli(ms &^ chainedName).UTC(), ms&chainedName != 0, err == nil
}

func entryOf(e vault.Erasure) ledgerEntry {
	return ledgerEntry{Version: chainedVersion, Tenant: e.Scope.Tenant, Environment: e.Scope.Environment, Subject: e.Subject, ErasedAt: e.At.UTC()}
}

func (e ledgerEntry) what() vault.Erasure {
	return vault.Erasure{Scope: ekyc.Scope{Tenant: e.Tenant, Environment: e.Environment}, Subject: e.Subject, At: e.ErasedAt.UTC()}
}

// put stores an entry durably, and gives it as it is stored and its name.
func (l *Ledger) put(ctx context.Context, entry ledgerEntry) (ledgerEntry, string, error) {
	entry.MAC = hex.EncodeToString(l.ring.MAC("erasure-ledger", entry.said()))
	text, err := json.Marshal(entry)
	if err != nil {
		return entry, "", fmt.Errorf("write an entry of the erasure ledger: %w", err)
	}
	name := l.name(entry)
	if err := l.files.Put(ctx, name, text); err != nil {
		return entry, "", fmt.Errorf("write to the erasure ledger: %w", err)
	}
	return entry, name, nil
}

// errNotOurs is why an entry is refused.
var errNotOurs = ekyc.Errorf(ekyc.ErrInternal, "an entry of the erasure ledger was altered, or is another installation's")

// get gives an entry. One that does not verify is refused.
func (l *Ledger) get(ctx context.Context, name string) (e ledgerEntry, err error) {
	text, err := l.files.Get(ctx, name)
	if err != nil {
		return e, fmt.Errorf("read the erasure ledger: %w", err)
	}
	if json.Unmarshal(text, &e) != nil || e.Version != loneVersion && e.Version != chainedVersion || (e.Version == chainedVersion) != (e.Link != nil) {
		return e, errNotOurs
	}
	sum, err := hex.DecodeString(e.MAC)
	if err != nil || !hmac.Equal(sum, l.ring.MAC("erasure-ledger", e.said())) || l.name(e) != name {
		return e, errNotOurs
	}
	return e, nil
}

// read gives what an entry says.
func (l *Ledger) read(ctx context.Context, name string) (vault.Erasure, error) {
	e, err := l.get(ctx, name)
	return e.what(), err
}
