package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ekyc"
	"ekyc/internal/vault"
)

// overlap is how much older than a pass entries can be that come into the ledger after it: they are written within the sweep's pace after
// their transaction, and a backup can begin before that.
const overlap = time.Hour

// Replayed says what a pass over the ledger found.
type Replayed struct {
	Entries int // that were looked at
	Erased  int // subjects that were erased again
	Refused int // entries that do not verify
}

// Replay erases again what the ledger says and the database does not know, because it was restored from a backup. A process calls it before it
// serves, and does not serve where it fails. Files that are none of the ledger's entries are refused and reported. Errors: ErrConflict, which names the entry, when
// one is missing or was altered; ErrUnavailable when the ledger or the database does not answer.
func (s *Service) Replay(ctx context.Context) (Replayed, error) {
	var out Replayed
	var begun, through time.Time
	if err := s.vault.DestroyReturnedKeys(ctx); err != nil {
		return out, err
	}
	err := s.db.SystemPool().QueryRow(ctx, `select clock_timestamp(), through from erasure_watermark`).Scan(&begun, &through)
	if err != nil {
		return out, fmt.Errorf("read up to when the ledger is known: %w", err)
	}
	p, err := s.passLedger(ctx, through)
	out.Entries, out.Refused = len(p.entries), len(p.refused)
	if err != nil {
		return out, err
	}
	for _, name := range p.refused {
		s.options.Logger.ErrorContext(ctx, "an entry of the erasure ledger was refused: it was altered, or is another installation's", "entry", name)
	}
	for batch := range slices.Chunk(p.entries, sweepBatch) {
		erasures := make([]vault.Erasure, len(batch))
		for i, e := range batch {
			erasures[i] = e.what()
		}
		if err := s.eraseForgotten(ctx, erasures, &out); err != nil {
			return out, err
		}
	}
	_, err = s.db.SystemPool().Exec(ctx, `update erasure_watermark set through = greatest(through, $1::timestamptz - $2::interval)`, begun, overlap)
	if err != nil {
		return out, fmt.Errorf("note up to when the ledger is known: %w", err)
	}
	if out.Erased > 0 {
		s.options.Logger.WarnContext(ctx, "the database had forgotten erasures, as after a restore; they have been repeated from the ledger", "count", out.Erased)
	}
	return out, nil
}

// pass is what was read of the ledger.
type pass struct {
	files   listed
	entries []ledgerEntry
	refused []string         // files that do not verify
	own     []string         // files of entries from before the chain, without those that are known to be none
	at      map[int64]int    // entries of the chain by their number
	names   map[int64]string // and their files
}

// passLedger reads the entries from a time on, and makes sure that none is missing: all that the database knows of are there by their number, and those that it
// does not know of go on from there, each naming the one before. Where that is not so everything is read, to tell which one it is.
func (s *Service) passLedger(ctx context.Context, through time.Time) (p pass, err error) {
	before, err := readChain(ctx, s.db.SystemPool())
	if err != nil {
		return p, err
	}
	for _, from := range []time.Time{through, {}} {
		if p, err = s.readLedger(ctx, from, before); err != nil {
			return p, err
		}
		err = s.holdLedger(ctx, func(conn *pgxpool.Conn) error {
			c, err := readChain(ctx, conn)
			if err == nil {
				c, err = s.settleChain(ctx, conn, c)
			}
			if err == nil {
				err = s.checkChain(p, before, c, from.IsZero())
			}
			if err != nil {
				return err
			}
			if last := p.last(); last > c.Number { // of a restored database
				return endChain(ctx, conn, p.entries[p.at[last]], p.names[last])
			}
			return nil
		})
		if ekyc.CodeOf(err) != ekyc.ErrConflict {
			break
		}
	}
	return p, err
}

// readLedger reads the entries from a time on. Where there are more files from before the chain than it had entries, it tells these from the others, however old they are.
func (s *Service) readLedger(ctx context.Context, from time.Time, before chain) (p pass, err error) {
	p.at, p.names = map[int64]int{}, map[int64]string{}
	if p.files, err = s.listLedger(ctx); err != nil {
		return p, err
	}
	for _, name := range slices.Concat(p.files.lone, p.files.chained) {
		if at, _, ok := timeOf(name); ok && at.Before(from) {
			continue
		}
		e, err := s.ledger.get(ctx, name)
		if errors.Is(err, errNotOurs) {
			p.refused = append(p.refused, name)
			continue
		}
		if err != nil {
			return p, err
		}
		if e.Link != nil {
			p.at[e.Number], p.names[e.Number] = len(p.entries), name
		}
		p.entries = append(p.entries, e)
	}
	if n := before.Earlier; !from.IsZero() && (n == nil || *n > 0 && int64(len(p.files.lone)) > *n) {
		p.own, err = s.ownOf(ctx, p.files.lone)
		return p, err
	}
	for _, name := range p.files.lone {
		if !slices.Contains(p.refused, name) {
			p.own = append(p.own, name)
		}
	}
	return p, nil
}

// last is the number of the last entry that was read.
func (p pass) last() (last int64) {
	for number := range p.at {
		last = max(last, number)
	}
	return last
}

// checkChain says which entry is missing, if one is. The chain was known up to before when the files were listed, and is up to now: what others have added
// meanwhile may have been listed or not. Where everything was read, everything is looked at.
func (s *Service) checkChain(p pass, before, now chain, everything bool) error {
	last := max(p.last(), before.Number)
	_, altered := p.refusedBy() // or no entry at all
	if !everything && (len(altered) > 0 || int64(len(p.files.chained)+len(s.options.LostEntries)-s.lostEarlier()) < last) {
		return missing(p, 0, "")
	}
	first := now.Number + 1
	if everything {
		first = 1
	}
	for number := first; number <= last; number++ {
		if number > before.Number && number <= now.Number || slices.Contains(s.options.LostEntries, number) {
			continue
		}
		at, there := p.at[number]
		if !there {
			return missing(p, number, nameOf(p, before, number))
		}
		e := p.entries[at]
		previous, known := chain{Name: p.names[number-1]}, false
		if i, there := p.at[number-1]; there {
			previous.MAC, known = p.entries[i].MAC, true
		} else if number-1 == now.Number {
			previous, known = now, true
		}
		if known && (e.Previous != previous.Name || e.PreviousMAC != previous.MAC) {
			return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not one chain: its entry %d, the file %s, follows on %s, and the entry %d is %s", number, p.names[number], e.Previous, number-1, previous.Name)
		}
	}
	return s.checkEarlier(p, now, everything)
}

// checkEarlier says whether entries from before the chain are missing or altered: they have no numbers, but there are as many as were counted when the chain began. Files
// that verify no better are nobody's; chains that began before only entries that verify were counted may have counted such files.
func (s *Service) checkEarlier(p pass, now chain, everything bool) error {
	earlier, names := 0, ""
	if now.Earlier != nil {
		earlier, names = int(*now.Earlier), now.EarlierNames
	}
	if at, there := p.at[1]; there { // which a database that was restored to before the chain has to believe
		earlier, names = int(p.entries[at].Earlier), p.entries[at].EarlierNames
	}
	n, lost := len(p.own), s.lostEarlier()
	others := n == earlier && earlier > 0 && sumOf(p.own) != names
	switch {
	case n >= earlier && !others:
		return nil
	case !everything:
		return missing(p, 0, "")
	case n >= earlier-lost && (!others || lost > 0):
		return nil
	case others || len(p.files.lone) < earlier-lost:
		return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: of its %d entries from before it was a chain %d are there, or others. %s. %s", earlier, n, whatToDo, neverEntries)
	}
	altered, _ := p.refusedBy()
	return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: of its %d entries from before it was a chain %d were altered or are missing; files that are no entries are %s. %s. %s",
		earlier, earlier-n, strings.Join(altered[:min(len(altered), mostNamed)], ", "), whatToDo, neverEntries)
}

// lostEarlier is how many entries from before the chain are lost for good.
func (s *Service) lostEarlier() (n int) {
	for _, number := range s.options.LostEntries {
		if number == 0 {
			n++
		}
	}
	return n
}

// refusedBy divides the files that do not verify into those that are named as entries from before the chain, and those that are named as its own.
func (p pass) refusedBy() (earlier, chained []string) {
	for _, name := range p.refused {
		if _, ofChain, _ := timeOf(name); ofChain {
			chained = append(chained, name)
		} else {
			earlier = append(earlier, name)
		}
	}
	return earlier, chained
}

// nameOf gives the file of an entry that is not there: the next one names it, or the database does.
func nameOf(p pass, before chain, number int64) string {
	if next, there := p.at[number+1]; there {
		return p.entries[next].Previous
	}
	if number == before.Number {
		return before.Name
	}
	return ""
}

const whatToDo = "Put its files back from their copy or the bucket's earlier versions: whoever's erasure is missing would come back with a restore. " +
	"An entry that is lost for good is named by --ledger-lost (EKYC_LEDGER_LOST; 0 for each from before the chain), once its subject is erased again (docs/security/erasure.md)"

// neverEntries is said of what is counted only.
const neverEntries = "A file that never was an entry, as of another installation, may have been counted when the chain began: it is a 0 as well"

// mostNamed bounds the files that an error names.
const mostNamed = 10

// missing is the error for an entry; the number 0 is of one that is still to be found out.
func missing(p pass, number int64, name string) error {
	switch {
	case number == 0:
		return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: entries are missing. %s", whatToDo)
	case name == "" && len(p.refused) > 0: // the one that would name it was altered as well
		return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: its entry %d is missing or was altered; files that are no entries are %s. %s",
			number, strings.Join(p.refused[:min(len(p.refused), mostNamed)], ", "), whatToDo)
	case name == "":
		return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: its entry %d is missing. %s", number, whatToDo)
	case slices.Contains(p.refused, name):
		return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: its entry %d, the file %s, was altered. %s", number, name, whatToDo)
	}
	return ekyc.Errorf(ekyc.ErrConflict, "the erasure ledger is not whole: its entry %d, the file %s, is missing. %s", number, name, whatToDo)
}

// eraseForgotten erases again those of the erasures that the database does not know.
func (s *Service) eraseForgotten(ctx context.Context, batch []vault.Erasure, out *Replayed) error {
	forgotten, err := s.vault.Forgotten(ctx, batch)
	if err != nil {
		return err
	}
	for _, e := range forgotten {
		var id ekyc.ID
		err := s.db.InTenant(ctx, e.Scope, func(ctx context.Context, tx pgx.Tx) (err error) {
			id, err = s.erase(ctx, tx, e, CauseRestore)
			return err
		})
		if ekyc.CodeOf(err) == ekyc.ErrGone { // another process was faster
			continue
		}
		if err != nil {
			return err
		}
		out.Erased++
		if _, err := s.complete(ctx, e.Scope, id); err != nil && !errors.Is(err, errFilesLeft) {
			return err
		}
	}
	return nil
}
