// Package s3 keeps files in a bucket of Amazon S3 or of anything that speaks its protocol.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"ekyc"
)

// Config says which bucket, where, and how long to wait for it. Credentials are not part of it, only where they come from.
type Config struct {
	Bucket      string
	Prefix      string // "", or what all names begin with, with its slash at the end
	Endpoint    string // host or host:port
	Region      string
	Credentials Source        // "" for Auto
	PathStyle   bool          // the bucket in the path and not in the host's name
	Plain       bool          // HTTP without TLS
	CallTime    time.Duration // longest that a call takes, and as long again for each 8 MB; 0 for 5 s
	Current     bool          // List gives what is there now, and nothing of which only earlier versions are left
}

const (
	scheme          = "s3"
	awsEndpoint     = "s3.amazonaws.com"
	defaultCallTime = 5 * time.Second
	tries           = 3 // of each request, within the time of its call
)

// IsURL says whether a place is one of S3, and no folder.
func IsURL(place string) bool { return strings.HasPrefix(place, scheme+"://") }

// Parse reads s3://bucket/prefix?endpoint=https://host:port&region=…&path_style=true&credentials=auto|static|iam. Without an endpoint it is Amazon's. An endpoint without TLS is
// refused unless it is of this machine or allow_http=true says that the network is trusted. Errors: ErrInvalidArgument.
func Parse(place string) (Config, error) {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != scheme || u.Host == "" || u.Fragment != "" {
		return Config{}, invalid("the place is not of the form s3://bucket/prefix?endpoint=https://host:port&region=name") // it is not repeated: it may hold a secret
	}
	if u.User != nil {
		return Config{}, invalid("credentials do not belong into a URL, which others can see; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	c := Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Endpoint: awsEndpoint}
	if c.Prefix != "" {
		c.Prefix += "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, invalid("the parameters of the S3 URL are malformed")
	}
	endpoint, allowPlain := "", false
	for name, values := range query {
		value := values[0]
		switch name {
		case "endpoint":
			endpoint = value
		case "region":
			c.Region = value
		case "credentials":
			if c.Credentials = Source(value); c.Credentials != Auto && c.Credentials != Static && c.Credentials != Role {
				return Config{}, invalid("credentials of the S3 URL are auto, static or iam")
			}
		case "path_style":
			c.PathStyle, err = strconv.ParseBool(value)
		case "allow_http":
			allowPlain, err = strconv.ParseBool(value)
		default:
			return Config{}, invalid("an S3 URL has no parameter %q", name)
		}
		if err != nil || len(values) > 1 {
			return Config{}, invalid("the parameter %s of the S3 URL is malformed", name)
		}
	}
	if endpoint == "" {
		return c, nil
	}
	return c, c.setEndpoint(endpoint, allowPlain)
}

func (c *Config) setEndpoint(endpoint string, allowPlain bool) error {
	e, err := url.Parse(endpoint)
	if err != nil || e.Host == "" || e.User != nil || strings.Trim(e.Path, "/") != "" || e.RawQuery != "" || (e.Scheme != "https" && e.Scheme != "http") {
		return invalid("the endpoint of the S3 URL is not of the form https://host:port")
	}
	c.Endpoint, c.Plain = e.Host, e.Scheme == "http"
	if c.Plain && !allowPlain && !loopback(e.Hostname()) {
		return invalid("an S3 endpoint without TLS is refused unless it is of this machine; allow_http=true permits it on a network that is trusted")
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func invalid(format string, args ...any) *ekyc.Error {
	return ekyc.Errorf(ekyc.ErrInvalidArgument, format, args...)
}

// Client makes a client of the bucket's server. Errors: ErrInvalidArgument, also where there are no credentials; ErrFileUnreadable for a file of
// them that is not its owner's alone; ErrUnavailable where nothing but a role may give them, and it does not.
func (c Config) Client(ctx context.Context) (*minio.Client, error) {
	transport, err := minio.DefaultTransport(!c.Plain)
	if err != nil {
		return nil, invalid("no client of the S3 server can be made").Because(err)
	}
	transport.DialContext = (&net.Dialer{Timeout: c.callTime() / 2, KeepAlive: 30 * time.Second}).DialContext
	transport.TLSHandshakeTimeout = c.callTime() / 2
	transport.ResponseHeaderTimeout = c.callTime()
	transport.MaxIdleConnsPerHost = 64 // as many as there are jobs and requests at once
	keys, err := c.credentials()
	if err != nil {
		return nil, err
	}
	lookup := minio.BucketLookupAuto
	if c.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(c.Endpoint, &minio.Options{Creds: keys, Secure: !c.Plain, Region: c.Region, BucketLookup: lookup, Transport: genuine{transport}, MaxRetries: tries})
	if err != nil {
		return nil, invalid("no client of the S3 server can be made").Because(err)
	}
	return client, ctx.Err()
}

// genuine takes nothing for an answer but what an object store says: a proxy's page in its place is a fault, whatever its status. S3 and what is like
// it number their answers (x-amz-request-id). That a request could not be read is a fault of the connection, on which something was left of the one
// before: the client asks again.
type genuine struct{ http.RoundTripper }

// unreadable is the start of what a server says of a request that it could not read, which is no fault of the request's.
const unreadable = "<Code>BadRequest</Code>"

// longestRefusal bounds what is looked at of a refusal, in bytes.
const longestRefusal = 4 << 10

func (g genuine) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := g.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusBadRequest {
		said, err := io.ReadAll(io.LimitReader(answer.Body, longestRefusal))
		answer.Body.Close()
		if err != nil || bytes.Contains(said, []byte(unreadable)) {
			return nil, errors.Join(errors.New("the server could not read the request"), err)
		}
		answer.Body = io.NopCloser(bytes.NewReader(said))
	}
	for name := range answer.Header {
		if strings.HasPrefix(name, "X-Amz-") || strings.HasPrefix(name, "X-Goog-") {
			return answer, nil
		}
	}
	answer.Body.Close()
	return nil, fmt.Errorf("what answered (%d) is no object store", answer.StatusCode)
}

func (c Config) callTime() time.Duration {
	if c.CallTime > 0 {
		return c.CallTime
	}
	return defaultCallTime
}

// Limit bounds a call that carries so many bytes.
func (c Config) Limit(ctx context.Context, bytes int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.callTime()*time.Duration(1+bytes/(8<<20)))
}
