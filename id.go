package ekyc

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"time"
)

// ID is the identifier of a stored thing: a prefix that tells its kind, and a UUIDv7 (RFC 9562) in lower-case base32hex without
// padding, so that identifiers of one kind sort by the time of their making. It never carries meaning beyond that.
type ID string

// Kind is the prefix of an ID.
type Kind string

// The kinds of identifiers.
const (
	KindTenant      Kind = "tnt"
	KindKey         Kind = "key"
	KindJob         Kind = "job"
	KindSubject     Kind = "sub"
	KindMedia       Kind = "med"
	KindChallenge   Kind = "chl"
	KindEvent       Kind = "evt"
	KindWebhook     Kind = "whk"
	KindDelivery    Kind = "dlv"
	KindInvoice     Kind = "inv"
	KindReview      Kind = "rev"
	KindWorkflow    Kind = "wfl"
	KindOperator    Kind = "opr"
	KindUsage       Kind = "use"
	KindReservation Kind = "res"
	KindCapture     Kind = "cap"
	KindConsent     Kind = "cns"
)

// idEncoding keeps the order of the bytes and needs no escaping anywhere.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

const idLength = 26 // of 16 bytes in base32

// NewID makes an identifier of the given kind.
func NewID(kind Kind) ID {
	u := uuidV7(time.Now())
	return ID(string(kind) + "_" + idEncoding.EncodeToString(u[:]))
}

// Is says whether the identifier is well formed and of the kind.
func (id ID) Is(kind Kind) bool {
	rest, ok := strings.CutPrefix(string(id), string(kind)+"_")
	if !ok || len(rest) != idLength {
		return false
	}
	_, err := idEncoding.DecodeString(rest)
	return err == nil
}

// ParseID takes an identifier of one kind from a client. Error: ErrNotFound, since a thing with such an identifier cannot exist.
func ParseID(kind Kind, text string) (ID, error) {
	if id := ID(text); id.Is(kind) {
		return id, nil
	}
	return "", Errorf(ErrNotFound, "there is no such %s", kind.noun())
}

func (k Kind) noun() string {
	switch k {
	case KindTenant:
		return "tenant"
	case KindKey:
		return "key"
	case KindJob:
		return "job"
	case KindSubject:
		return "subject"
	case KindWebhook:
		return "webhook endpoint"
	case KindDelivery:
		return "delivery"
	case KindEvent:
		return "event"
	case KindCapture:
		return "capture"
	case KindConsent:
		return "consent"
	case KindOperator:
		return "operator"
	case KindReview:
		return "review"
	case KindWorkflow:
		return "workflow"
	}
	return "resource"
}

// lastTick orders identifiers of one process that are made within a millisecond: milliseconds and 12 further bits, never the same twice.
var lastTick atomic.Int64

// uuidV7 fills the 12 bits after the version with the fraction of the millisecond (RFC 9562 section 6.2, method 3), moved on
// where the clock stands still.
func uuidV7(now time.Time) (u [16]byte) {
	rand.Read(u[:]) // never fails, by its documentation
	ns := now.UnixNano()
	tick := ns/1e6<<12 | ns%1e6*4096/1e6
	for {
		last := lastTick.Load()
		tick = max(tick, last+1)
		if lastTick.CompareAndSwap(last, tick) {
			break
		}
	}
	binary.BigEndian.PutUint64(u[:8], uint64(tick)>>12<<16|7<<12|uint64(tick)&0xfff)
	u[8] = u[8]&0x3f | 0x80
	return u
}
