// Package keyservice speaks to the key services that can seal the root keys: the transit engine of HashiCorp Vault, AWS KMS and Google Cloud KMS. Each is
// two calls of its public HTTP interface; credentials are where each one's own tools look for them.
package keyservice

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"ekyc"
	"ekyc/internal/keyring"
)

// Options tune a client; the zero value serves.
type Options struct {
	Getenv  func(string) string // nil: os.Getenv
	Timeout time.Duration       // longest that one call takes, with its repetitions; 0: 8 seconds
	Client  *http.Client        // nil: one of its own
}

// Open gives the client of a service:
//
//	hcvault://host:8200/transit/keys/name
//	aws-kms://arn:aws:kms:region:account:key/id
//	gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k
//
// No call is made. Errors: ErrInvalidArgument for any other address, ErrFileUnreadable for a certificate that cannot be read.
func Open(address string, o Options) (keyring.Service, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	switch scheme {
	case "hcvault":
		return openVault(address, rest, o)
	case "aws-kms":
		return openAWS(address, rest, o)
	case "gcp-kms":
		return openGCP(address, rest, o)
	}
	return nil, malformed("hcvault://…, aws-kms://… and gcp-kms://… are known")
}

func malformed(what string) error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, "the address of the key service is not one: %s", what)
}

// secured gives an address that the environment names in the place of the service's own. Data keys go there and come from there in the clear, so it must be
// reached by TLS unless it is of this machine.
func secured(variable, endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "%s is not the address of a key service", variable)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if local := u.Hostname() == "localhost" || err == nil && ip.IsLoopback(); u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "%s must begin with https: keys are sent there", variable)
	}
	return strings.TrimRight(endpoint, "/"), nil
}

// service is what the clients have in common.
type service struct {
	name string
	caller
}

// Name is the address.
func (s service) Name() string { return s.name }

// attempts is how often a call is made before a service counts as away, with pauses that double.
const (
	attempts   = 3
	firstPause = 150 * time.Millisecond
)

// again makes a call, and makes it again while the service is away and there is time.
func (c caller) again(ctx context.Context, call func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		out, err := call(ctx)
		if err == nil || attempt == attempts || !isAway(err) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		pause *= 2
	}
}
