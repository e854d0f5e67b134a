package operator

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ekyc"
)

func reasonOf(err error) any {
	if problem, ok := err.(*ekyc.Error); ok && problem.Code == ekyc.ErrInvalidArgument && problem.Details["field"] == "password" {
		return problem.Details["reason"]
	}
	return err
}

// TestPasswordsEasyToGuessAreRefused: common and breached ones in whatever case, and those that are names with little beside them.
func TestPasswordsEasyToGuessAreRefused(t *testing.T) {
	t.Parallel()
	s := New(nil, nil, Options{Cost: cheap, Words: []string{"Example Bank", "examplebank"}})
	for password, want := range map[string]any{
		"passwordpassword": "known", "PasswordPassword": "known", "123456789012": "known", "1q2w3e4r5t6y": "known", "qwertyuiopasdfgh": "known", "letmeinletmein": "known", "fyyffktrcttdyf": "known",
		"correct horse battery staple": nil, "a long enough password": nil, "пароль который никто не знает": nil, "TW3JG5YR5BMEHZRJ2ERY3HPZ4A": nil,
		"ekyc-operator-2026": "context", "Adm1n!str@t0r-2026": "context", "examplebank2026!": "context", "EX4MPLE BANK and more": "context", "jane.doe@example.org": "context", "doedoedoedoedoe": "context", "janedoe-janedoe-1": "context",
		"jane has twelve others": nil, "short": nil,
	} {
		err := s.checkPassword(password, "jane.doe@sub.example.org")
		if got := reasonOf(err); got != want || (err == nil) != (want == nil && password != "short") {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
}

// TestTheListHoldsTheMostCommonPasswords: the list is as it was built, ordered and whole.
func TestTheListHoldsTheMostCommonPasswords(t *testing.T) {
	t.Parallel()
	count, hash := 0, uint64(0)
	for rest := known; len(rest) > 0; count++ {
		step, n := binary.Uvarint(rest)
		if n <= 0 || count > 0 && step == 0 {
			t.Fatalf("entry %d is no step", count)
		}
		hash, rest = hash+step, rest[n:]
	}
	if count != 1_428_271 || hash >= 1<<40 {
		t.Errorf("%d entries up to %x", count, hash)
	}
	// How many that are not on it are taken for it: fewer than 3 of 50,000 is all but certain at 1 in 770,000.
	taken := 0
	for i := range 50_000 / 500 {
		if isKnown(fmt.Sprintf("nobody has number %d", i)) {
			taken++
		}
	}
	if taken > 0 {
		t.Errorf("%d passwords of nobody are known", taken)
	}
}

// TestAListOfBreachedPasswordsIsReadFromItsFile: every line is found, the first, the last and those between, and nothing beside them.
func TestAListOfBreachedPasswordsIsReadFromItsFile(t *testing.T) {
	t.Parallel()
	var lines []string
	const count = 100
	for i := range count {
		lines = append(lines, fmt.Sprintf("%X:%d", sha1.Sum(fmt.Appendf(nil, "breached password %d", i)), i*i*i))
	}
	slices.Sort(lines)
	for name, text := range map[string]string{"LF": strings.Join(lines, "\n") + "\n", "CRLF": strings.Join(lines, "\r\n"), "small letters": strings.ToLower(strings.Join(lines, "\n"))} {
		path := filepath.Join(t.TempDir(), "pwned.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		breached, err := OpenBreached(path)
		if err != nil {
			t.Fatal(err)
		}
		s := New(nil, nil, Options{Cost: cheap, Breached: breached})
		for i := range count {
			if got := reasonOf(s.checkPassword(fmt.Sprintf("breached password %d", i), "a@b.example")); got != "breached" {
				t.Fatalf("%s: number %d: %v", name, i, got)
			}
			if err := s.checkPassword(fmt.Sprintf("another password %d", i), "a@b.example"); err != nil {
				t.Fatalf("%s: another, %d: %v", name, i, err)
			}
		}
		if err := os.WriteFile(path, []byte("x\n"+text), 0o600); err != nil { // it is written over while it is used
			t.Fatal(err)
		}
		if _, err := OpenBreached(path); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
			t.Errorf("%s: no list: %v", name, err)
		}
	}
	if _, err := OpenBreached(filepath.Join(t.TempDir(), "none")); ekyc.CodeOf(err) != ekyc.ErrFileUnreadable {
		t.Error(err)
	}
}
