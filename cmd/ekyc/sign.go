package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ekyc"
	"ekyc/internal/secretfile"
	"ekyc/internal/tenant/signing"
)

// SignCmd is `ekyc sign`.
type SignCmd struct {
	KeyID string `help:"Public identifier of the key." required:"" placeholder:"ek_…"`
	secretFlags
	Method    string `help:"HTTP method." default:"GET"`
	Target    string `help:"Path with /v1, and ?query where there is one, exactly as it will be sent. With --curl, taken from there when not given." placeholder:"/v1/…"`
	Body      string `help:"File of the body, - for standard input. Not given: no body." placeholder:"FILE|-"`
	Timestamp int64  `help:"Unix seconds; not given: now." placeholder:"SECONDS"`
	Curl      string `help:"Print a curl command for this URL in place of the headers." placeholder:"URL"`
}

// secretFlags give the secret of a key.
type secretFlags struct {
	Secret     string `help:"The key's secret: by the environment only, since the command line is read by every user of the machine." env:"EKYC_API_SECRET" secret:"true" hidden:""`
	SecretFile string `help:"File that holds the key's secret and that only its owner can read; EKYC_API_SECRET may hold it as well." env:"EKYC_API_SECRET_FILE" type:"path" placeholder:"FILE"`
}

// AfterApply reads the file.
func (f *secretFlags) AfterApply() (err error) {
	if f.Secret == "" && f.SecretFile != "" {
		f.Secret, err = secretfile.Line(f.SecretFile)
	}
	return err
}

const (
	maxSignedBody = 64 << 20 // more than any route takes
	maxInlineBody = 64 << 10 // of standard input, within a curl command; Linux takes up to 128 KiB an argument
)

// Run prints the headers that a request needs, or the whole request for curl. The secret is never printed.
func (s *SignCmd) Run(ctx context.Context, c *console) error {
	if s.Secret == "" {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "the key's secret is needed, in EKYC_API_SECRET or in a file that --secret-file names")
	}
	address, err := s.address()
	if err != nil {
		return err
	}
	body, err := s.body(ctx)
	if err != nil {
		return err
	}
	timestamp := strconv.FormatInt(s.Timestamp, 10)
	if s.Timestamp == 0 {
		timestamp = strconv.FormatInt(time.Now().Unix(), 10)
	}
	signature := signing.Sign(s.Secret, timestamp, s.Method, s.Target, sha256.Sum256(body))
	if _, err := signing.Parse(s.KeyID, timestamp, signature); err != nil {
		return ekyc.Errorf(ekyc.ErrInvalidArgument, "%s", err)
	}
	headers := []string{signing.HeaderKey + ": " + s.KeyID, signing.HeaderTimestamp + ": " + timestamp, signing.HeaderSignature + ": " + signature}
	if s.Curl == "" {
		_, err = fmt.Fprintln(c.out, strings.Join(headers, "\n"))
		return err
	}
	command, err := s.command(address, headers, body)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, command)
	return err
}

// address checks method and target, takes the target from --curl where it is not given, and says where curl is to go.
func (s *SignCmd) address() (string, error) {
	if s.Method == "" || strings.ContainsFunc(s.Method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "--method is not an HTTP method in capital letters")
	}
	base := ""
	if s.Curl != "" {
		u, err := url.Parse(s.Curl)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "--curl needs an http or https URL without user and fragment")
		}
		base = u.Scheme + "://" + u.Host
		own := s.Curl[strings.Index(s.Curl, "://")+3:] // as it was typed: a parsed URL is written otherwise
		own = strings.TrimPrefix(own[min(len(own), strings.IndexFunc(own+"/", isTargetStart)):], "/")
		switch {
		case s.Target == "":
			s.Target = "/" + own
		case own != "":
			return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "the path is given by --target or by --curl, not by both")
		}
	}
	if !strings.HasPrefix(s.Target, "/") || strings.ContainsFunc(s.Target, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "--target is not a path as it is sent: it begins with / and everything but ASCII is percent-encoded")
	}
	return base + s.Target, nil
}

func isTargetStart(r rune) bool { return r == '/' || r == '?' }

func (s *SignCmd) body(ctx context.Context) ([]byte, error) {
	var body []byte
	var err error
	switch s.Body {
	case "":
		return nil, nil
	case "-":
		if body, err = io.ReadAll(io.LimitReader(os.Stdin, maxSignedBody+1)); err != nil {
			return nil, ekyc.Errorf(ekyc.ErrFileUnreadable, "standard input cannot be read").Because(err)
		}
	default:
		if body, err = readFile(ctx, s.Body, maxSignedBody); err != nil {
			return nil, err
		}
	}
	if len(body) > maxSignedBody {
		return nil, ekyc.Errorf(ekyc.ErrBodyTooLarge, "the body has more than %d MiB, which no route takes", maxSignedBody>>20)
	}
	return body, nil
}

// command is the request for curl, to be pasted into a POSIX shell. Nothing of the address is to be changed by curl.
func (s *SignCmd) command(address string, headers []string, body []byte) (string, error) {
	parts := []string{"curl --path-as-is --globoff"}
	if s.Method == "HEAD" {
		parts = append(parts, "--head") // with -X HEAD curl waits for a body
	} else {
		parts = append(parts, "-X "+s.Method)
	}
	for _, h := range headers {
		parts = append(parts, "-H "+quote(h))
	}
	if s.Body != "" {
		data, err := s.data(body)
		if err != nil {
			return "", err
		}
		parts = append(parts, "-H 'Content-Type: application/json'", data)
	}
	return strings.Join(append(parts, quote(address)), " \\\n  "), nil
}

// data is curl's argument for the body: the file, or the text itself where there is no file to be read again.
func (s *SignCmd) data(body []byte) (string, error) {
	if s.Body != "-" {
		path, err := filepath.Abs(s.Body)
		if err != nil {
			return "", ekyc.Errorf(ekyc.ErrFileUnreadable, "%s cannot be found", s.Body).Because(err)
		}
		return "--data-binary " + quote("@"+path), nil
	}
	if len(body) > maxInlineBody || !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return "", ekyc.Errorf(ekyc.ErrInvalidArgument, "with --curl, a body from standard input is text of up to %d KiB; use a file", maxInlineBody>>10)
	}
	return "--data-raw " + quote(string(body)), nil
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
