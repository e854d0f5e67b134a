package fence

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"unicode"
)

const (
	// A line of a log is cut here: messages of libraries are shorter, and nothing of a picture is to get through.
	mostLine = 300
	// A child may write so many lines between two requests; the trace of a crash has a few dozen that matter.
	mostLines = 60
)

// lines copies what a child writes to standard error into the log.
type lines struct {
	logger *slog.Logger
	pid    int
	left   atomic.Int64
}

func newLines(logger *slog.Logger, pid int) *lines {
	l := &lines{logger: logger, pid: pid}
	l.refill()
	return l
}

// refill grants the lines of another request.
func (l *lines) refill() { l.left.Store(mostLines) }

// copy reads until the child has closed its end.
func (l *lines) copy(r io.ReadCloser) {
	defer r.Close()
	reader := bufio.NewReaderSize(r, mostLine)
	continued := false
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 && !continued {
			l.log(line)
		}
		if continued = errors.Is(err, bufio.ErrBufferFull); err != nil && !continued {
			return
		}
	}
}

func (l *lines) log(line []byte) {
	text := strings.TrimSpace(printable(strings.TrimRight(string(line), "\r\n"), mostLine))
	if text == "" {
		return
	}
	switch left := l.left.Add(-1); {
	case left > 0:
		l.logger.LogAttrs(context.Background(), slog.LevelWarn, "engine: "+text, slog.Int("pid", l.pid))
	case left == 0:
		l.logger.LogAttrs(context.Background(), slog.LevelWarn, "engine: more is not logged", slog.Int("pid", l.pid))
	}
}

// printable is a text with a question mark for everything that does not print, cut after so many characters.
func printable(text string, most int) string {
	var b strings.Builder
	for _, r := range text {
		if most--; most < 0 {
			break
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
