package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"ekyc"
	"ekyc/internal/document/mrz"
)

// vector is one line of mrz/vectors.jsonl.
type vector struct {
	Format   string            `json:"format"`
	Lines    []string          `json:"lines"`
	Valid    bool              `json:"valid"`
	Checks   map[string]bool   `json:"checks"`
	Expected map[string]string `json:"expected"`
}

// mrz parses every vector and compares verdict, check digits and fields.
func (b *Bench) mrz(ctx context.Context) (*MRZResult, error) {
	path := filepath.Join(b.dir, "mrz", "vectors.jsonl")
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	result := &MRZResult{ByFormat: map[string]Rate{}}
	var all tally
	byFormat := map[string]*tally{}
	scanner := bufio.NewScanner(f)
	for line := 1; scanner.Scan(); line++ {
		if ctx.Err() != nil {
			return nil, ekyc.Errorf(ekyc.ErrCancelled, "the bench was stopped").Because(ctx.Err())
		}
		var v vector
		if err := json.Unmarshal(scanner.Bytes(), &v); err != nil {
			return nil, unreadable(path, err)
		}
		if byFormat[v.Format] == nil {
			byFormat[v.Format] = &tally{}
		}
		agrees := v.agrees()
		all.add(agrees)
		byFormat[v.Format].add(agrees)
		if !agrees {
			b.fault(fmt.Sprintf("mrz/vectors.jsonl:%d", line), "the vector is parsed otherwise")
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, unreadable(path, err)
	}
	result.Vectors = all.rate()
	for format, t := range byFormat {
		result.ByFormat[format] = t.rate()
	}
	return result, nil
}

// agrees says whether the parser finds in the lines what the vector says is there.
func (v vector) agrees() bool {
	zone, err := mrz.Parse(v.Lines)
	if err != nil {
		return !v.Valid && len(v.Expected) == 0
	}
	if string(zone.Format) != v.Format || zone.Valid() != v.Valid {
		return false
	}
	for name, holds := range v.Checks {
		if c, ok := zone.Check(mrz.Field(name)); !ok || c.Holds != holds {
			return false
		}
	}
	got := map[string]string{
		"document_code": zone.DocumentCode, "issuer": zone.Issuer, "document_number": zone.DocumentNumber, "nationality": zone.Nationality,
		"birth_date": zone.BirthDate.Raw, "expiry_date": zone.ExpiryDate.Raw, "sex": zone.Sex, "optional1": zone.Optional1,
		"optional2": zone.Optional2, "surname": zone.Surname, "given_names": zone.GivenNames,
	}
	for name, want := range v.Expected {
		if got[name] != want {
			return false
		}
	}
	return true
}
