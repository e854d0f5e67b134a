package operator

import (
	"bytes"
	"crypto/sha1" // #nosec G505 -- how Pwned Passwords names passwords; nothing is protected by it
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"ekyc"
)

// known is the list of common and breached passwords; data/README.md says where it comes from and how it is written.
//
//go:embed data/known.bin
var known []byte

// isKnown says whether a password stands on the list, in whatever case.
func isKnown(password string) bool {
	sum := sha256.Sum256([]byte(strings.ToLower(password)))
	wanted := binary.BigEndian.Uint64(sum[:]) >> 24
	hash := uint64(0)
	for rest := known; len(rest) > 0 && hash < wanted; {
		step, n := binary.Uvarint(rest)
		hash, rest = hash+step, rest[n:]
	}
	return hash == wanted
}

// productWords are what a guess at a password of this product begins with.
var productWords = []string{"ekyc", "kyc", "admin", "administrator", "owner", "operator", "viewer", "verify", "verification", "identity"}

const shortestWord = 3 // letters; shorter ones stand in anything

// alike gives one form to how a word is written: in lower case, with letters for the signs that are put in their place.
var alike = strings.NewReplacer("0", "o", "1", "i", "l", "i", "!", "i", "|", "i", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "+", "t")

func fold(text string) string { return alike.Replace(strings.ToLower(text)) }

// withoutWords is what is left of a password without the words of the product, the organisation and the address.
func (s *Service) withoutWords(password, email string) string {
	words := slices.Concat(productWords, s.o.Words, strings.FieldsFunc(email, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	left := fold(password)
	for _, word := range words {
		if utf8.RuneCountInString(word) >= shortestWord {
			left = strings.ReplaceAll(left, fold(word), "")
		}
	}
	return left
}

// checkPassword refuses what is too short, too long or easy to guess for the account of the address. Errors: ErrInvalidArgument (details field
// and, for what is guessed, reason).
func (s *Service) checkPassword(password, email string) error {
	refuse := func(format string, args ...any) *ekyc.Error {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, format, args...).With("field", "password")
	}
	if utf8.RuneCountInString(password) < minPassword || len(password) > maxPassword || !utf8.ValidString(password) {
		return refuse("a password has at least %d characters and at most %d bytes", minPassword, maxPassword)
	}
	if utf8.RuneCountInString(s.withoutWords(password, email)) < minPassword {
		return refuse("a password has at least %d characters beside the names of the product, the organisation and the account", minPassword).With("reason", "context")
	}
	if isKnown(password) {
		return refuse("this password is among those that are common or have been breached; take another").With("reason", "known")
	}
	breached, err := s.o.Breached.has(password)
	if err != nil {
		return err
	}
	if breached {
		return refuse("this password has been breached; take another").With("reason", "breached")
	}
	return nil
}

// Breached is a file of Pwned Passwords: lines of a SHA-1 in hexadecimal, a colon and a count, ordered by the hash. It may be of any size, and
// of a part. nil holds none.
type Breached struct {
	file *os.File
	size int64
}

const longestLine = 128 // bytes; 40 of the hash, a colon, a count

// OpenBreached opens a file, which stays open as long as the process runs. Errors: ErrFileUnreadable; ErrInvalidArgument where its first line is not of the form.
func OpenBreached(path string) (*Breached, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "the list of breached passwords %s cannot be read", path).Because(err)
	}
	info, err := file.Stat()
	if err == nil {
		b := &Breached{file, info.Size()}
		if _, err = b.line(0); err == nil {
			return b, nil
		}
	}
	file.Close()
	return nil, ekyc.Errorf(ekyc.ErrInvalidArgument, "%s is no list of Pwned Passwords", path).Because(err)
}

// line gives the hash of the first line that begins at an offset or behind it; "" at the end.
func (b *Breached) line(offset int64) (string, error) {
	text := make([]byte, 2*longestLine)
	from := max(offset-1, 0) // the end of the line before says that one begins at the offset
	n, err := b.file.ReadAt(text, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	text = text[:n]
	if offset > 0 {
		ended := false
		if _, text, ended = bytes.Cut(text, []byte("\n")); !ended && n == 2*longestLine {
			return "", errors.New("a line is too long")
		}
	}
	if len(text) == 0 {
		return "", nil
	}
	if len(text) < 2*sha1.Size {
		return "", errors.New("a line is too short")
	}
	hash := text[:2*sha1.Size]
	if _, err := hex.Decode(make([]byte, sha1.Size), hash); err != nil {
		return "", errors.New("a line does not begin with a SHA-1")
	}
	return strings.ToUpper(string(hash)), nil
}

// has looks a password up.
func (b *Breached) has(password string) (bool, error) {
	if b == nil {
		return false, nil
	}
	wanted := fmt.Sprintf("%X", sha1.Sum([]byte(password))) // #nosec G401 -- as above
	var fault error
	at := sort.Search(int(b.size), func(offset int) bool {
		line, err := b.line(int64(offset))
		fault = errors.Join(fault, err)
		return line == "" || line >= wanted
	})
	line, err := b.line(int64(at))
	if fault = errors.Join(fault, err); fault != nil {
		return false, fmt.Errorf("look a password up in %s: %w", b.file.Name(), fault)
	}
	return line == wanted, nil
}
