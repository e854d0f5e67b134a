package s3

import (
	"crypto/tls"
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// Refused says whether the server has answered no, in a way that does not pass by itself: keys that it does not know or that may not do this, a bucket that is not
// there, another region, or a certificate that is not to be trusted. That a clock is wrong passes.
func Refused(err error) bool {
	if said, is := errors.AsType[minio.ErrorResponse](err); is {
		if said.Code == "RequestTimeTooSkewed" || said.Code == "ExpiredToken" {
			return false
		}
		switch said.StatusCode {
		case http.StatusMovedPermanently, http.StatusUnauthorized, http.StatusForbidden:
			return true
		}
		switch said.Code {
		case minio.NoSuchBucket, minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "InvalidBucketName", "PermanentRedirect", "AccountProblem", "AllAccessDisabled":
			return true
		}
	}
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return distrusted
}
