package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ekyc/internal/blob"
	"ekyc/internal/blob/s3"
	"ekyc/internal/erasure"
	"ekyc/internal/health"
	"ekyc/internal/keyring"
	"ekyc/internal/store"
	"ekyc/internal/tlsfiles"
)

// What is still well, and what is not any more.
const (
	skewMinded  = 2 * time.Second
	skewFails   = time.Minute
	storeSkew   = 5 * time.Minute // S3 refuses what is signed 15 minutes off
	certMinded  = 14 * 24 * time.Hour
	rootKeyAge  = 365 * 24 * time.Hour
	leastServer = 140000 // PostgreSQL 14
)

// examineRootKeys opens the root keys, and so asks the key service; nothing where there is no installation.
func (d *DoctorCmd) examineRootKeys(ctx context.Context) []finding {
	const part = "root keys"
	path := d.rootKey()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && d.DatabaseURL == "" && d.RootKeyFile == "" && d.RootKeyService == "" {
		return nil
	}
	began := time.Now()
	ring, err := d.openRing(ctx, slog.New(slog.DiscardHandler))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []finding{failed(part, err, "bring the file from where its copy is; `ekyc admin root-key` makes a new one, which opens nothing of before")}
	case errors.Is(err, keyring.ErrAway):
		return []finding{timed(began, failed(part, err, "see that the key service runs and is reached from here: no process starts without it"))}
	case errors.Is(err, keyring.ErrRefused), errors.Is(err, keyring.ErrAltered):
		return []finding{timed(began, failed(part, err, "give this machine the right to use the key of --root-key-service, or name the one that has sealed the file"))}
	case err != nil:
		return []finding{timed(began, failed(part, err, "chown the file to the service's user, chmod 600, in a directory that not everybody may write; or see to --root-key-service: a file is either sealed by it or clear"))}
	}
	sealed := "in the clear, for its owner alone"
	if d.RootKeyService != "" {
		sealed = "sealed by " + d.RootKeyService
	}
	for _, key := range ring.Keys() {
		if age := time.Since(key.Made); key.State == keyring.Current && !key.Made.IsZero() && age > rootKeyAge {
			return []finding{timed(began, minded(part, fmt.Sprintf("the key that seals is %d days old", int(age.Hours()/24)), "`ekyc keys rotate-root`, docs/operating.md"))}
		}
	}
	return []finding{timed(began, well(part, "%d, %s", len(ring.Keys()), sealed))}
}

// examineDatabase looks at the server, the login and the tables; at the private one of `ekyc up` where there is one.
func (d *DoctorCmd) examineDatabase(ctx context.Context) []finding {
	const part = "database"
	url := d.DatabaseURL
	if url == "" {
		directory := filepath.Join(d.DataDir, "postgres")
		if existing(directory) == "" {
			return nil
		}
		private, err := store.PrivateURL(directory)
		if err != nil {
			return []finding{failed(part, err, "see --data-dir")}
		}
		url = private
	}
	began := time.Now()
	i, err := store.Inspect(ctx, url, migrations()...)
	if err != nil && d.DatabaseURL == "" {
		return []finding{minded(part, "the private database does not run", "`ekyc up` starts it")}
	}
	if err != nil {
		return []finding{timed(began, failed(part, err, "see that PostgreSQL runs, is reached from here, and takes the login of EKYC_DATABASE_URL"))}
	}
	first := timed(began, well(part, "PostgreSQL %s", i.Version))
	list := []finding{first}
	for _, see := range []struct {
		holds bool
		f     finding
	}{
		{i.Number < leastServer, failed(part, fmt.Errorf("PostgreSQL %s is too old", i.Version), "take 14 or later")},
		{i.Standby, failed(part, errors.New("it is a standby, which takes no writes"), "name the primary in EKYC_DATABASE_URL")},
		{len(i.Barred) > 0, failed("database roles", fmt.Errorf("the login may not use %s", strings.Join(i.Barred, ", ")), "`ekyc migrate` makes the roles; then grant them to the login")},
		{i.Superuser && d.DatabaseURL != "", minded("database login", "it is a superuser: row security holds only while it works under the service's roles, which nothing makes it do but this program", ownLogin)},
		{i.Bypasses && !i.Superuser, minded("database login", "it has BYPASSRLS: row security holds only while it works under the service's roles, which nothing makes it do but this program", ownLogin)},
		{len(i.Unbound) > 0, failed("row security", fmt.Errorf("void: %s may pass it by, so that no tenant is kept from another's rows", strings.Join(i.Unbound, ", ")), "`alter role … nosuperuser nobypassrls`: no role of the service needs either")},
		{len(i.Behind) > 0, minded("database tables", "older than this program: "+strings.Join(i.Behind, ", "), "`ekyc migrate`, or start a process without --no-migrate")},
		{len(i.Ahead) > 0, failed("database tables", errors.New("newer than this program: "+strings.Join(i.Ahead, ", ")), "start the program that has made them, or a newer one")},
	} {
		if see.holds {
			list = append(list, see.f)
		}
	}
	if i.Hidden {
		list = append(list, d.examineAsOwner(ctx)...)
	}
	list = append(list, examineErasures(ctx, url)...)
	return append(list, clock("clock, against the database", i.Skew, skewMinded, skewFails))
}

// ownLogin is what to do where the service's login may too much.
const ownLogin = "give the service a login that is a member of ekyc_service and ekyc_system and nothing else, and EKYC_DATABASE_OWNER_URL for migrations and backups"

// examineErasures looks for erasures that do not come to their end; nothing where the tables cannot be asked, which other lines tell.
func examineErasures(ctx context.Context, url string) []finding {
	const part = "erasures"
	db, err := store.Open(ctx, url, store.Options{ServiceConns: 1, SystemConns: 1})
	if err != nil {
		return nil
	}
	defer db.Close()
	switch w, err := erasure.Look(ctx, db); {
	case err != nil:
		return nil
	case w.Stuck > 0:
		return []finding{minded(part, fmt.Sprintf("%d do not come to their end, such as that of %s; %d are incomplete, the oldest for %s", w.Stuck, w.Example, w.Incomplete, w.Oldest.Round(time.Second)),
			"the worker's log says why: the erasure ledger cannot be written, or the media store does not remove files (a lock, a right); they are tried every ten minutes")}
	case w.Incomplete > 0:
		return []finding{well(part, "%d are being completed, the oldest for %s", w.Incomplete, w.Oldest.Round(time.Second))}
	}
	return []finding{well(part, "all are complete")}
}

// examineAsOwner looks at what the service's login may not see.
func (d *DoctorCmd) examineAsOwner(ctx context.Context) []finding {
	const part = "database tables"
	if d.OwnerURL == "" {
		return []finding{well(part, "how old they are is not for this login to see; with EKYC_DATABASE_OWNER_URL it is")}
	}
	i, err := store.Inspect(ctx, d.OwnerURL, migrations()...)
	switch {
	case err != nil:
		return []finding{failed(part, err, "see to the login of EKYC_DATABASE_OWNER_URL")}
	case len(i.Ahead) > 0:
		return []finding{failed(part, errors.New("newer than this program: "+strings.Join(i.Ahead, ", ")), "start the program that has made them, or a newer one")}
	case len(i.Behind) > 0:
		return []finding{minded(part, "older than this program: "+strings.Join(i.Behind, ", "), "`ekyc migrate`, or start a process without --no-migrate")}
	}
	return []finding{well(part, "as this program has them")}
}

// clock judges by how much another clock is ahead.
func clock(part string, skew, minds, fails time.Duration) finding {
	const advice = "have both machines follow a time server"
	switch off := skew.Abs(); {
	case off > fails:
		return failed(part, fmt.Errorf("it is %s ahead", skew.Round(time.Millisecond)), advice)
	case off > minds:
		return minded(part, fmt.Sprintf("it is %s ahead", skew.Round(time.Millisecond)), advice)
	}
	return well(part, "%s ahead", skew.Round(time.Millisecond))
}

// examineTLS looks at the certificate that the program itself shows.
func (d *DoctorCmd) examineTLS(context.Context) []finding {
	const part = "TLS certificate"
	if d.TLSCert == "" && d.TLSKey == "" {
		return nil
	}
	if d.TLSCert == "" || d.TLSKey == "" {
		return []finding{failed(part, errors.New("--tls-cert and --tls-key are given together"), "give both")}
	}
	pair, err := tlsfiles.Open(d.TLSCert, d.TLSKey, slog.New(slog.DiscardHandler))
	if err != nil {
		return []finding{failed(part, err, "give a chain in PEM, the server's certificate first, and its key, which is the service's user's or root's and for its owner alone to read")}
	}
	leaf, left := pair.Leaf(), time.Until(pair.Expires())
	names := strings.Join(leaf.DNSNames, ", ")
	switch {
	case left <= 0:
		return []finding{failed(part, fmt.Errorf("it has expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339)), "renew it; changed files are taken up within a second")}
	case time.Now().Before(leaf.NotBefore):
		return []finding{failed(part, fmt.Errorf("it is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339)), "see to the clock of this machine, or wait")}
	case left < certMinded:
		return []finding{minded(part, fmt.Sprintf("it expires in %d days", int(left.Hours()/24)), "renew it; changed files are taken up within a second")}
	}
	if err := pair.Trusted(); err != nil {
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
			return []finding{minded(part, "no authority that this machine knows has signed it", "append the intermediate certificates to the chain, or see that clients know its authority")}
		}
		return []finding{failed(part, err, "take a certificate for servers")}
	}
	return []finding{well(part, "for %s, %d days left", names, int(left.Hours()/24))}
}

// examineMedia looks at where pictures are kept.
func (d *DoctorCmd) examineMedia(ctx context.Context) []finding {
	if d.MediaStore == "" {
		return examineFiles("media store", filepath.Join(d.DataDir, "files"))
	}
	return examineBucket(ctx, "media store", d.MediaStore, func() error { _, err := d.openBucket(ctx); return err })
}

// examineLedger looks at where erasures are remembered.
func (d *DoctorCmd) examineLedger(ctx context.Context) []finding {
	if directory := d.ledgerDir(&d.databaseFlags); directory != "" {
		return examineFiles("erasure ledger", directory)
	}
	place := d.Ledger
	if place == "" {
		place = d.MediaStore
	}
	return examineBucket(ctx, "erasure ledger", place, func() error { _, err := d.erasureFlags.open(ctx, &d.databaseFlags); return err })
}

// examineFiles looks at a directory of files; nothing where no process has made it yet.
func examineFiles(part, directory string) []finding {
	info, err := os.Stat(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []finding{failed(part, err, "see to the file system of "+directory)}
	}
	began := time.Now()
	files, err := blob.OpenFiles(directory)
	if err == nil {
		err = files.Alive(context.Background())
	}
	switch {
	case err != nil:
		return []finding{failed(part, err, "let the user of the service write "+directory+", and see that its disk is not full")}
	case info.Mode().Perm()&0o077 != 0:
		return []finding{minded(part, fmt.Sprintf("others can look into %s (mode %04o)", directory, info.Mode().Perm()), "chmod 700")}
	}
	return []finding{timed(began, well(part, "%s", directory))}
}

// examineBucket opens a bucket, which writes, reads and removes an object there, and compares clocks.
func examineBucket(ctx context.Context, part, place string, open func() error) []finding {
	c, err := s3.Parse(place)
	if err != nil {
		return []finding{failed(part, err, "see docs/operating.md, The media store")}
	}
	began := time.Now()
	if err := open(); err != nil {
		advice := "see that the server runs and is reached from here"
		if s3.Refused(err) {
			advice = "see to the bucket's name, its region, and the credentials and their rights; docs/operating.md lists these"
		}
		return []finding{timed(began, failed(part, err, advice))}
	}
	list := []finding{timed(began, well(part, "bucket %s at %s", c.Bucket, c.Endpoint))}
	skew, err := c.Skew(ctx)
	if err != nil {
		return append(list, minded("clock, against the "+part, health.Cause(err), "see whether a proxy stands in between"))
	}
	return append(list, clock("clock, against the "+part, skew, skewMinded, storeSkew))
}

// examineClamd asks the antivirus.
func (d *DoctorCmd) examineClamd(ctx context.Context) (list []finding) {
	for _, one := range d.diagnose(ctx) {
		list = append(list, diagnosed(one, "see that clamd runs and is reached from here, and freshclam for its signatures; until then uploads are treated as --antivirus says"))
	}
	return list
}

// examineExport looks at where the audit log leaves to.
func (d *DoctorCmd) examineExport(ctx context.Context) []finding {
	const part = "audit export"
	if d.AuditExport == "" {
		return nil
	}
	if !s3.IsURL(d.AuditExport) {
		return []finding{minded(part, "a folder keeps nobody from removing the log", "export to a bucket with Object Lock")}
	}
	began := time.Now()
	sink, err := openLocked(ctx, d.AuditExport)
	switch {
	case err != nil:
		return []finding{timed(began, failed(part, err, "see to the server, the credentials and their rights; the bucket needs Object Lock from the start"))}
	case d.AuditRetainDays == 0 && sink.Standing() == 0:
		return []finding{failed(part, errors.New("neither --audit-retain-days nor a default retention of the bucket in COMPLIANCE mode says for how long segments are locked"), "set one of them")}
	}
	return []finding{timed(began, well(part, "a bucket that locks for %s", max(days(d.AuditRetainDays), sink.Standing())))}
}
