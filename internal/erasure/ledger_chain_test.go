package erasure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/blob"
	"ekyc/internal/store"
	"ekyc/internal/vault"
)

// anErasure is of somebody whom the database does not know.
func (b *bundle) anErasure() vault.Erasure {
	return vault.Erasure{Scope: b.scope, Subject: ekyc.NewID(ekyc.KindSubject), At: time.Now().UTC().Truncate(time.Microsecond)}
}

func (b *bundle) entryFile(name string) string {
	return filepath.Join(b.at.Folder, "ledger", name[:2], name)
}

// TestAMissingEntryStopsTheReplay: one that is deleted, altered, replaced by another or put in another's place is named, and nothing is served; be the database the one
// that knew it, or one that was restored from before. Put back, all is well.
func TestAMissingEntryStopsTheReplay(t *testing.T) {
	t.Parallel()
	for state, forget := range map[string]func(*bundle){
		"the database knows them": func(*bundle) {},
		"restored from before": func(b *bundle) {
			b.exec(`update erasure_ledger set number = 2, name = (select name from known), mac = (select mac from known)`)
			b.exec(`update erasure_watermark set through = 'epoch'`)
		},
		"restored from before the chain": func(b *bundle) {
			b.exec(`update erasure_ledger set number = 0, name = '', mac = '', earlier = null`)
			b.exec(`update erasure_watermark set through = 'epoch'`)
		},
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec(`create table known (name text, mac text)`)
			var names []string
			for n := range 6 {
				name, err := b.writeLedger(t.Context(), b.anErasure())
				b.must(err)
				names = append(names, name)
				if n == 1 {
					b.exec(`insert into known select name, mac from erasure_ledger`)
				}
			}
			if out, err := b.Replay(t.Context()); err != nil || out.Entries != 6 {
				t.Fatalf("%+v, %v", out, err)
			}
			content := func(n int) []byte {
				text, err := os.ReadFile(b.entryFile(names[n]))
				b.must(err)
				return text
			}
			write := func(n int, text []byte) { b.must(os.WriteFile(b.entryFile(names[n]), text, 0o600)) }
			for what, harm := range map[string]func(){
				"deleted":   func() { b.must(os.Remove(b.entryFile(names[3]))) },
				"altered":   func() { write(3, []byte(strings.Replace(string(content(3)), `"live"`, `"test"`, 1))) },
				"emptied":   func() { write(3, nil) },
				"reordered": func() { x, y := content(3), content(4); write(3, y); write(4, x) },
				"doubled":   func() { write(3, content(4)) },
			} {
				kept := [][]byte{content(3), content(4)}
				harm()
				forget(b)
				_, err := b.Replay(t.Context())
				if ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "its entry 4") || !strings.Contains(err.Error(), names[3]) {
					t.Errorf("%s: %v", what, err)
				}
				write(3, kept[0])
				write(4, kept[1])
				if _, err := b.Replay(t.Context()); err != nil {
					t.Errorf("%s, put back: %v", what, err)
				}
			}
			// The first and the last.
			for _, n := range []int{0, 5} {
				text := content(n)
				b.must(os.Remove(b.entryFile(names[n])))
				if _, err := b.Replay(t.Context()); ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), fmt.Sprintf("its entry %d, the file %s,", n+1, names[n])) {
					t.Errorf("entry %d: %v", n+1, err)
				}
				write(n, text)
			}
			b.must(os.Remove(b.entryFile(names[3])))
			b.options.LostEntries = []int64{4}
			if _, err := b.Replay(t.Context()); err != nil {
				t.Errorf("lost for good, and named: %v", err)
			}
		})
	}
}

// TestALedgerOfBeforeIsTakenOn: its entries are obeyed as they were, the chain begins behind them, and none of them can be missing from then on.
func TestALedgerOfBeforeIsTakenOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var old []string
	for range 3 {
		entry := entryOf(b.anErasure())
		entry.Version = loneVersion
		_, name, err := b.ledger.put(t.Context(), entry)
		b.must(err)
		old = append(old, name)
	}
	again := b.anErasure()
	entry := entryOf(again)
	entry.Version = loneVersion
	_, name, err := b.ledger.put(t.Context(), entry)
	b.must(err)
	if out, err := b.Replay(t.Context()); err != nil || out.Entries != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	if known, err := b.writeLedger(t.Context(), again); err != nil || known != name {
		t.Errorf("an erasure of before is written as %s, %v", known, err)
	}
	first, err := b.writeLedger(t.Context(), b.anErasure())
	b.must(err)
	if e, err := b.ledger.get(t.Context(), first); err != nil || e.Link == nil || e.Number != 1 || e.Earlier != 4 {
		t.Errorf("%+v, %v", e, err)
	}
	for _, forget := range []string{`select 1`, `update erasure_ledger set number = 0, name = '', mac = '', earlier = null`} {
		b.exec(`update erasure_watermark set through = 'epoch'`)
		b.exec(forget)
		if out, err := b.Replay(t.Context()); err != nil || out.Entries != 5 {
			t.Fatalf("%+v, %v", out, err)
		}
		text, err := os.ReadFile(b.entryFile(old[1]))
		b.must(err)
		b.must(os.Remove(b.entryFile(old[1])))
		b.exec(forget)
		if _, err := b.Replay(t.Context()); ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "of its 4 entries from before it was a chain 3 are there") {
			t.Errorf("%v", err)
		}
		b.must(os.WriteFile(b.entryFile(old[1]), text, 0o600))
	}
}

// TestTheChainIsOneWhoeverWrites: processes that write at once, and again what is there, leave entries each of which names the one before.
func TestTheChainIsOneWhoeverWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, err := b.at.open(store.Options{}, b.media, b.ledge)
	b.must(err)
	t.Cleanup(other.db.Close)
	var group sync.WaitGroup
	var list []vault.Erasure
	for range 20 {
		list = append(list, b.anErasure())
	}
	for _, p := range []*process{b.process, other, b.process} {
		group.Go(func() {
			for _, e := range list {
				if _, err := p.writeLedger(context.Background(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if out, err := b.Replay(t.Context()); err != nil || out.Entries != 20 || b.number(`select number from erasure_ledger`) != 20 {
		t.Errorf("%+v, %v", out, err)
	}
	found, err := b.listLedger(t.Context())
	b.must(err)
	var numbers []int64
	for _, name := range found.chained {
		e, err := b.ledger.get(t.Context(), name)
		b.must(err)
		numbers = append(numbers, e.Number)
	}
	slices.Sort(numbers)
	if len(slices.Compact(numbers)) != 20 {
		t.Errorf("%v", numbers)
	}
}

// hanging is a ledger that answers nothing until it is let go.
type hanging struct {
	blob.Store
	asked chan struct{} // somebody waits for it
	let   chan struct{}
}

func (h *hanging) Get(ctx context.Context, name string) ([]byte, error) {
	select {
	case h.asked <- struct{}{}:
	default:
	}
	<-h.let
	return h.Store.Get(ctx, name)
}

// TestALedgerThatHangsHoldsNobodyElseUp: of those who wait for their turn at it none has a connection, however many they are; they give up with their request.
func TestALedgerThatHangsHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ledger := &hanging{b.ledge, make(chan struct{}, 1), make(chan struct{})}
	const conns = 3
	p, err := b.at.open(store.Options{SystemConns: conns}, b.media, ledger)
	b.must(err)
	t.Cleanup(p.db.Close)
	var group sync.WaitGroup
	for range conns + 2 {
		group.Go(func() {
			if _, err := p.writeLedger(context.Background(), b.anErasure()); err != nil {
				t.Error(err)
			}
		})
	}
	<-ledger.asked
	time.Sleep(300 * time.Millisecond)                              // the others have come as well
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // the ledger hangs until it is let go
	defer cancel()
	if err := p.db.AsSystem(ctx, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, `select 1`); return err }); err != nil {
		t.Errorf("another's work: %v", err)
	}
	hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = p.writeLedger(hurried, b.anErasure())
	wantCode(t, "one that waits no longer", err, ekyc.ErrUnavailable)
	close(ledger.let)
	group.Wait()
	if n := b.number(`select number from erasure_ledger`); n != conns+2 {
		t.Errorf("%d entries", n)
	}
}

// TestAnAlteredEntryOfBeforeStopsTheReplay: one of before the chain cannot be told from a foreign file by its number, but by how many there were. A foreign one beside them
// is reported and stops nothing, and what is lost for good is said to be.
func TestAnAlteredEntryOfBeforeStopsTheReplay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var old []string
	for range 3 {
		entry := entryOf(b.anErasure())
		entry.Version = loneVersion
		_, name, err := b.ledger.put(t.Context(), entry)
		b.must(err)
		old = append(old, name)
	}
	if out, err := b.Replay(t.Context()); err != nil || out.Entries != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err := b.writeLedger(t.Context(), b.anErasure())
	b.must(err)
	text, err := os.ReadFile(b.entryFile(old[1]))
	b.must(err)
	foreign := "ffff" + "0000deadbeef" + old[0][16:] // of 1970: not read again where the database is only a little behind
	b.must(b.ledge.Put(t.Context(), foreign, text))
	for state, forget := range map[string]string{
		"restored from before": `update erasure_ledger set number = 0, name = '', mac = ''`, "restored from before the chain": `update erasure_ledger set number = 0, name = '', mac = '', earlier = null`,
	} {
		again := func() (Replayed, error) {
			b.exec(`update erasure_watermark set through = '2001-01-01'`)
			b.exec(forget)
			return b.Replay(t.Context())
		}
		if out, err := again(); err != nil || out.Refused != 0 {
			t.Errorf("%s, a foreign file: %+v, %v", state, out, err)
		}
		for what, content := range map[string][]byte{"altered": []byte(strings.Replace(string(text), `"live"`, `"test"`, 1)), "emptied": {}} {
			b.must(os.WriteFile(b.entryFile(old[1]), content, 0o600))
			_, err := again()
			if ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "of its 3 entries from before it was a chain 1 were altered") || !strings.Contains(err.Error(), old[1]) {
				t.Errorf("%s, %s: %v", state, what, err)
			}
		}
		b.options.LostEntries = []int64{0}
		if out, err := again(); err != nil || out.Refused != 2 {
			t.Errorf("%s, lost for good: %+v, %v", state, out, err)
		}
		b.must(os.Remove(b.entryFile(old[1])))
		if _, err := again(); err != nil {
			t.Errorf("%s, lost for good, and not there: %v", state, err)
		}
		b.options.LostEntries = nil
		b.must(os.WriteFile(b.entryFile(old[1]), text, 0o600))
		if _, err := again(); err != nil {
			t.Errorf("%s, put back: %v", state, err)
		}
	}
}

// TestAForeignFileOfBeforeIsNotCounted: one that lay in the ledger when its chain began stops no start, and hides no entry that is missing or altered.
func TestAForeignFileOfBeforeIsNotCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var old []string
	for range 5 {
		entry := entryOf(b.anErasure())
		entry.Version = loneVersion
		_, name, err := b.ledger.put(t.Context(), entry)
		b.must(err)
		old = append(old, name)
	}
	text, err := os.ReadFile(b.entryFile(old[1]))
	b.must(err)
	for _, foreign := range []string{"ffff" + "0000deadbeef" + old[0][16:], "ffff" + old[0][4:]} { // of 1970, and of today
		b.must(b.ledge.Put(t.Context(), foreign, text))
	}
	if out, err := b.Replay(t.Context()); err != nil || out.Entries != 5 || out.Refused != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	again := func(forget string) error {
		b.exec(`update erasure_watermark set through = '2001-01-01'`)
		b.exec(forget)
		_, err := b.Replay(t.Context())
		return err
	}
	whole := func(state, forget string) {
		t.Helper()
		for what, harm := range map[string]func() error{
			"missing": func() error { return os.Remove(b.entryFile(old[1])) },
			"altered": func() error { return os.WriteFile(b.entryFile(old[1]), nil, 0o600) },
		} {
			b.must(again(forget))
			b.must(harm())
			if err := again(forget); ekyc.CodeOf(err) != ekyc.ErrConflict {
				t.Errorf("%s, %s: %v", state, what, err)
			}
			b.must(os.WriteFile(b.entryFile(old[1]), text, 0o600))
		}
		b.must(again(forget))
	}
	whole("no entry of the chain yet", `select 1`)
	first, err := b.writeLedger(t.Context(), b.anErasure())
	b.must(err)
	if e, err := b.ledger.get(t.Context(), first); err != nil || e.Earlier != 5 {
		t.Errorf("%+v, %v", e, err)
	}
	whole("the database knows them", `select 1`)
	whole("restored from before the chain", `update erasure_ledger set number = 0, name = '', mac = '', earlier = null`)

	// A chain that began when every file was counted.
	b.must(os.Remove(b.entryFile(first)))
	found, err := b.listLedger(t.Context())
	b.must(err)
	b.exec(`update erasure_ledger set number = 0, name = '', mac = '', earlier = $1, earlier_names = $2`, len(found.lone), sumOf(found.lone))
	if err := again(`select 1`); ekyc.CodeOf(err) != ekyc.ErrConflict || !strings.Contains(err.Error(), "never was an entry") {
		t.Errorf("%v", err)
	}
	b.options.LostEntries = []int64{0, 0}
	whole("with what never was an entry named", `select 1`)
}

// TestAnotherInstallationsEntriesAreNotCounted: a new installation starts where another has left its ledger.
func TestAnotherInstallationsEntriesAreNotCounted(t *testing.T) {
	t.Parallel()
	b, other := setup(t), setup(t)
	for range 2 {
		entry := entryOf(other.anErasure())
		entry.Version = loneVersion
		_, name, err := other.ledger.put(t.Context(), entry)
		b.must(err)
		text, err := other.ledge.Get(t.Context(), name)
		b.must(err)
		b.must(b.ledge.Put(t.Context(), name, text))
	}
	for range 2 {
		if out, err := b.Replay(t.Context()); err != nil || out.Entries != 0 || out.Refused != 2 {
			t.Errorf("%+v, %v", out, err)
		}
	}
}
