package operator

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"ekyc"
)

// Cost is what one hash of a password takes.
type Cost struct {
	MemoryKiB, Passes uint32
	Lanes             uint8
}

// DefaultCost is the second recommended option of RFC 9106 section 4, for where 2 GiB a hash are too much.
var DefaultCost = Cost{MemoryKiB: 64 << 10, Passes: 3, Lanes: 4}

// maxCost bounds what a stored hash can make the program spend.
var maxCost = Cost{MemoryKiB: 1 << 20, Passes: 64, Lanes: 64}

const (
	saltBytes = 16 // RFC 9106 section 3.1
	hashBytes = 32
	// hashesAtOnce bounds the memory that log-ins take together.
	hashesAtOnce = 2

	minPassword = 12  // characters; NIST SP 800-63B asks for 8, and these accounts see every tenant
	maxPassword = 256 // bytes, for the hash's sake
)

// hash gives the PHC string of a password: algorithm, version, cost, salt and hash.
func (c Cost) hash(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails, by its documentation
	return c.encode(salt, argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, hashBytes))
}

var phc = base64.RawStdEncoding

func (c Cost) encode(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.MemoryKiB, c.Passes, c.Lanes, phc.EncodeToString(salt), phc.EncodeToString(sum))
}

// parsePHC takes a PHC string apart.
func parsePHC(text string) (c Cost, salt, sum []byte, err error) {
	malformed := fmt.Errorf("a stored password hash is malformed") // and is not repeated
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, malformed
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.MemoryKiB, &c.Passes, &c.Lanes); err != nil || n != 3 {
		return c, nil, nil, malformed
	}
	if c.Passes < 1 || c.Lanes < 1 || c.Passes > maxCost.Passes || c.Lanes > maxCost.Lanes || c.MemoryKiB > maxCost.MemoryKiB {
		return c, nil, nil, malformed
	}
	salt, saltErr := phc.Strict().DecodeString(parts[4])
	sum, sumErr := phc.Strict().DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(salt) < 8 || len(sum) < 16 || c.encode(salt, sum) != text {
		return c, nil, nil, malformed
	}
	return c, salt, sum, nil
}

// verify says whether a password has a stored hash, and whether that was made at another cost than is wanted today.
func (s *Service) verify(ctx context.Context, stored, password string) (right, outdated bool, err error) {
	c, salt, sum, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	err = s.hashing(ctx, func() {
		got := argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, uint32(len(sum)))
		right = subtle.ConstantTimeCompare(got, sum) == 1
	})
	return right, c != s.o.Cost, err
}

// hashing runs f when memory for a hash is free. Errors: ErrCancelled.
func (s *Service) hashing(ctx context.Context, f func()) error {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		s.hashes.Add(1)
		f()
		return nil
	case <-ctx.Done():
		return ekyc.Errorf(ekyc.ErrCancelled, "the request was stopped").Because(ctx.Err())
	}
}

func (s *Service) hash(ctx context.Context, password string) (text string, err error) {
	err = s.hashing(ctx, func() { text = s.o.Cost.hash(password) })
	return text, err
}
