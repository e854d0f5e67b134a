package store

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// isNetwork says whether a connection broke off.
func isNetwork(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "closed pool")
}

// Violates says whether err is the violation of the named constraint or unique index.
func Violates(err error, constraint string) bool {
	p, ok := errors.AsType[*pgconn.PgError](err)
	return ok && p.ConstraintName == constraint
}
