package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// session is one connection to clamd. In the form with z, commands and answers end with a zero byte (clamd(8), COMMANDS).
type session struct {
	conn  net.Conn
	in    *bufio.Reader
	count int // commands so far; clamd numbers its answers with it
	used  time.Time
}

// longestAnswer bounds what is read as one answer: the name of a signature with a few words around it.
const longestAnswer = 4 << 10

// refusal is an answer by which clamd refuses a file, which another connection would not change.
type refusal struct{ answer string }

func (r refusal) Error() string { return fmt.Sprintf("clamd answered %.200q", r.answer) }

// dial connects.
func (c *Client) dial(ctx context.Context) (*session, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, in: bufio.NewReaderSize(conn, longestAnswer), used: time.Now()}, nil
}

// begin connects and begins a session that takes any number of scans.
func (c *Client) begin(ctx context.Context) (*session, error) {
	s, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	err = s.within(ctx, func() error {
		_, err := s.conn.Write([]byte("zIDSESSION\x00"))
		return err
	})
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() { s.conn.Close() }

// within does something with the connection for as long as ctx lasts.
func (s *session) within(ctx context.Context, do func() error) error {
	stop := context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if !stop() && err == nil { // the deadline may strike the next use
		return context.Cause(ctx)
	}
	return err
}

// command sends a command outside of a session and gives the answer.
func (s *session) command(ctx context.Context, name string) (answer string, err error) {
	err = s.within(ctx, func() (err error) {
		if _, err = fmt.Fprintf(s.conn, "z%s\x00", name); err != nil {
			return err
		}
		answer, err = s.read()
		return err
	})
	return answer, err
}

// scan streams data in a session: a length, that many bytes, and a length of zero (clamd(8), INSTREAM).
func (s *session) scan(ctx context.Context, data []byte) (signature string, err error) {
	s.count++
	head := append([]byte("zINSTREAM\x00"), binary.BigEndian.AppendUint32(nil, uint32(len(data)))...)
	stream := net.Buffers{head, data, {0, 0, 0, 0}}
	if len(data) == 0 {
		stream = net.Buffers{head}
	}
	err = s.within(ctx, func() error {
		_, sending := stream.WriteTo(s.conn)
		answer, err := s.read() // also when it did not take everything: it may have said why
		if err != nil {
			return errors.Join(sending, err)
		}
		signature, err = s.verdict(answer)
		return err
	})
	s.used = time.Now()
	return signature, err
}

// read gives the next answer without its end.
func (s *session) read() (string, error) {
	answer, err := s.in.ReadSlice(0)
	if err != nil {
		return "", fmt.Errorf("read clamd's answer: %w", err)
	}
	return string(answer[:len(answer)-1]), nil
}

// verdict reads the answer to a scan: "1: stream: OK" or "1: stream: Eicar-Test-Signature FOUND".
func (s *session) verdict(answer string) (signature string, err error) {
	number, text, _ := strings.Cut(answer, ": ")
	if number != strconv.Itoa(s.count) {
		return "", fmt.Errorf("clamd answered scan %d with %.200q", s.count, answer)
	}
	result, isResult := strings.CutPrefix(text, "stream: ")
	found, isFound := strings.CutSuffix(result, " FOUND")
	switch {
	case isResult && result == "OK":
		return "", nil
	case isResult && isFound && found != "":
		return found, nil
	case strings.HasSuffix(text, " ERROR"): // such as "INSTREAM size limit exceeded. ERROR"
		return "", refusal{text}
	}
	return "", fmt.Errorf("clamd answered scan %d with %.200q", s.count, answer)
}
