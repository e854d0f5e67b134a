package store

import (
	"crypto/tls"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"ekyc"
)

// Away says whether an error is of a database that does not answer now and may later: there is no connection, it starts or stops, or it has too many.
func Away(err error) bool {
	return ekyc.CodeOf(unavailable(err)) == ekyc.ErrUnavailable && !Refused(err)
}

// Refused says whether the database has answered no, in a way that does not pass by itself: a wrong password, no such database, a login that may not
// use the roles, or a certificate that is not to be trusted.
func Refused(err error) bool {
	if p, is := errors.AsType[*pgconn.PgError](err); is {
		switch p.Code[:2] {
		case "28", "3D", "42", "22": // invalid authorisation; no such database; no right; no such role (PostgreSQL, Appendix A)
			return true
		}
	}
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return distrusted
}
