// Package blobtest holds what every blob.Store must do, as tests.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/blob"
)

// Run tests a store; open gives an empty one each time.
func Run(t *testing.T, open func(t testing.TB) blob.Store) {
	for name, test := range map[string]func(*testing.T, blob.Store){
		"names": names, "files": files, "ages": ages, "pages": pages, "concurrent": concurrent, "cancelled": cancelled, "large": large,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// NewName gives a random name.
func NewName() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// WantCode fails unless err has the code.
func WantCode(t testing.TB, what string, err error, code ekyc.ErrorCode) {
	t.Helper()
	if got := ekyc.CodeOf(err); got != code {
		t.Errorf("%s: %q, want %q (%v)", what, got, code, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%v)", err, cause(err))
	}
}

func cause(err error) error {
	if e, ok := err.(*ekyc.Error); ok {
		return e.Cause
	}
	return nil
}

func list(t testing.TB, s blob.Store, olderThan time.Duration) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for name, err := range s.List(t.Context(), olderThan) {
		must(t, err)
		if found[name] {
			t.Errorf("%s is listed twice", name)
		}
		found[name] = true
	}
	return found
}

const everything = -time.Minute // also what was written just now, by another clock

func names(t *testing.T, s blob.Store) {
	good := NewName()
	for _, bad := range []string{"", "../../../../etc/passwd", good + "0", good[:31] + "/", good[:31] + "G", ".." + good[2:], good[:31]} {
		WantCode(t, "put "+bad, s.Put(t.Context(), bad, []byte("x")), ekyc.ErrInternal)
		_, err := s.Get(t.Context(), bad)
		WantCode(t, "get "+bad, err, ekyc.ErrInternal)
		WantCode(t, "delete "+bad, s.Delete(t.Context(), bad), ekyc.ErrInternal)
	}
	if found := list(t, s, everything); len(found) != 0 {
		t.Errorf("there is %v", found)
	}
}

func files(t *testing.T, s blob.Store) {
	must(t, s.Alive(t.Context()))
	name, other := NewName(), NewName()
	_, err := s.Get(t.Context(), name)
	WantCode(t, "what was never there", err, ekyc.ErrNotFound)
	must(t, s.Delete(t.Context(), name))
	for _, content := range [][]byte{[]byte("x"), {}, {0, 255, '\n', 0}, []byte("another")} {
		must(t, s.Put(t.Context(), name, content))
		got, err := s.Get(t.Context(), name)
		must(t, err)
		if !bytes.Equal(got, content) {
			t.Errorf("%q came back as %q", content, got)
		}
	}
	must(t, s.Put(t.Context(), other, []byte("other")))
	if found := list(t, s, everything); len(found) != 2 || !found[name] || !found[other] {
		t.Errorf("there is %v", found)
	}
	for range 2 {
		must(t, s.Delete(t.Context(), name))
		_, err = s.Get(t.Context(), name)
		WantCode(t, "what was deleted", err, ekyc.ErrNotFound)
	}
	if got, err := s.Get(t.Context(), other); err != nil || string(got) != "other" {
		t.Errorf("%q, %v", got, err)
	}
	must(t, s.Tidy(t.Context()))
	if found := list(t, s, everything); len(found) != 1 || !found[other] {
		t.Errorf("there is %v", found)
	}
}

func ages(t *testing.T, s blob.Store) {
	older, younger := NewName(), NewName()
	must(t, s.Put(t.Context(), older, []byte("older")))
	between := time.Now().Add(1100 * time.Millisecond) // times of S3 are of whole seconds
	time.Sleep(2300 * time.Millisecond)
	must(t, s.Put(t.Context(), younger, []byte("younger")))
	if found := list(t, s, time.Since(between)); len(found) != 1 || !found[older] {
		t.Errorf("older: %v", found)
	}
	if found := list(t, s, time.Hour); len(found) != 0 {
		t.Errorf("an hour old: %v", found)
	}
}

// pages has more files than a server lists at once.
func pages(t *testing.T, s blob.Store) {
	const most = 1050
	put, work := sync.Map{}, make(chan int)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range work {
				name := NewName()
				if err := s.Put(t.Context(), name, []byte("x")); err != nil {
					t.Error(err)
				}
				put.Store(name, true)
			}
		})
	}
	for i := range most {
		work <- i
	}
	close(work)
	group.Wait()
	found := list(t, s, everything)
	for name := range found {
		put.Delete(name)
	}
	if len(found) != most {
		t.Errorf("%d of %d are listed", len(found), most)
	}
	put.Range(func(name, _ any) bool { t.Errorf("%s is not listed", name); return false })
	for range s.List(t.Context(), everything) {
		break // it may be left at any time
	}
}

// concurrent puts, reads and deletes one name from many sides: what is read is always whole. A server may say that it cannot just now, as versitygw does of
// a file that is replaced while it is opened; asked again, it can.
func concurrent(t *testing.T, s blob.Store) {
	name, content := NewName(), bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	var group sync.WaitGroup
	for side := range 6 {
		group.Go(func() {
			for range 8 {
				err := again(func() error {
					switch {
					case side == 0:
						return s.Delete(t.Context(), name)
					case side < 3:
						return s.Put(t.Context(), name, content)
					}
					got, err := s.Get(t.Context(), name)
					if ekyc.CodeOf(err) == ekyc.ErrNotFound {
						return nil
					}
					if err == nil && !bytes.Equal(got, content) {
						err = fmt.Errorf("%d of %d bytes came back", len(got), len(content))
					}
					return err
				})
				if err != nil {
					t.Errorf("%v (%v)", err, cause(err))
				}
			}
		})
	}
	group.Wait()
}

// again does something until the store can, five times at most.
func again(do func() error) (err error) {
	for range 5 {
		if err = do(); ekyc.CodeOf(err) != ekyc.ErrUnavailable {
			return err
		}
	}
	return err
}

func cancelled(t *testing.T, s blob.Store) {
	name := NewName()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	WantCode(t, "put", s.Put(ctx, name, []byte("x")), ekyc.ErrCancelled)
	_, err := s.Get(ctx, name)
	WantCode(t, "get", err, ekyc.ErrCancelled)
	must(t, s.Put(t.Context(), name, []byte("x")))
	last := error(nil)
	for _, err := range s.List(ctx, everything) {
		last = err
	}
	WantCode(t, "list", last, ekyc.ErrCancelled)
}

// large is sent in parts where a store does so.
func large(t *testing.T, s blob.Store) {
	name, content := NewName(), make([]byte, 32<<20+1)
	rand.Read(content)
	must(t, s.Put(t.Context(), name, content))
	got, err := s.Get(t.Context(), name)
	must(t, err)
	if !bytes.Equal(got, content) {
		t.Error("something else came back")
	}
	must(t, s.Delete(t.Context(), name))
}
