package ekyc

import (
	"errors"
	"fmt"
)

// ErrorCode names one way a request can fail. The set is closed: every code is described in Codes.
type ErrorCode string

// What is wrong with a picture, or not to be found in it.
const (
	ErrImageEmpty           ErrorCode = "image_empty"
	ErrImageTooLarge        ErrorCode = "image_too_large"
	ErrImageTypeUnsupported ErrorCode = "image_type_unsupported"
	ErrImageCorrupt         ErrorCode = "image_corrupt"
	ErrImageDimensions      ErrorCode = "image_dimensions"
	ErrFramesCount          ErrorCode = "frames_count"
	ErrFaceNotFound         ErrorCode = "face_not_found"
	ErrFacesMultiple        ErrorCode = "faces_multiple"
	ErrDocumentNotFound     ErrorCode = "document_not_found"
	ErrMRZUnreadable        ErrorCode = "mrz_unreadable"
	ErrBarcodeUnreadable    ErrorCode = "barcode_unreadable"
	ErrMalwareDetected      ErrorCode = "malware_detected"
	ErrImageForeignContent  ErrorCode = "image_foreign_content"
)

// What is wrong with a request.
const (
	ErrInvalidArgument       ErrorCode = "invalid_argument"
	ErrMalformedJSON         ErrorCode = "malformed_json"
	ErrUnknownField          ErrorCode = "unknown_field"
	ErrWrongType             ErrorCode = "wrong_type"
	ErrMissingField          ErrorCode = "missing_field"
	ErrInvalidBase64         ErrorCode = "invalid_base64"
	ErrBodyTooLarge          ErrorCode = "body_too_large"
	ErrBodyIncomplete        ErrorCode = "body_incomplete"
	ErrHeaderInvalid         ErrorCode = "header_invalid"
	ErrHeadersTooLarge       ErrorCode = "headers_too_large"
	ErrMalformedRequest      ErrorCode = "malformed_request"
	ErrRequestTimeout        ErrorCode = "request_timeout"
	ErrUnsupportedMediaType  ErrorCode = "unsupported_media_type"
	ErrNotFound              ErrorCode = "not_found"
	ErrMethodNotAllowed      ErrorCode = "method_not_allowed"
	ErrConflict              ErrorCode = "conflict"
	ErrGone                  ErrorCode = "gone"
	ErrIdempotencyInProgress ErrorCode = "idempotency_in_progress"
	ErrIdempotencyMismatch   ErrorCode = "idempotency_mismatch"
	ErrIdempotencyNotKept    ErrorCode = "idempotency_not_kept"
	ErrURLDenied             ErrorCode = "url_denied"
	ErrChallengeInvalid      ErrorCode = "challenge_invalid"
	ErrReceiptInvalid        ErrorCode = "receipt_invalid"
)

// Who asks, and what for.
const (
	ErrCredentialsMissing ErrorCode = "credentials_missing"
	ErrKeyUnknown         ErrorCode = "key_unknown"
	ErrKeyRevoked         ErrorCode = "key_revoked"
	ErrKeyExpired         ErrorCode = "key_expired"
	ErrSignatureInvalid   ErrorCode = "signature_invalid"
	ErrTimestampSkew      ErrorCode = "timestamp_skew"
	ErrReplayed           ErrorCode = "replayed"
	ErrScopeDenied        ErrorCode = "scope_denied"
	ErrIPDenied           ErrorCode = "ip_denied"
	ErrTenantSuspended    ErrorCode = "tenant_suspended"
	ErrWrongRegion        ErrorCode = "wrong_region"
	ErrLoginFailed        ErrorCode = "login_failed"
	ErrSessionInvalid     ErrorCode = "session_invalid"
	ErrRoleDenied         ErrorCode = "role_denied"
)

// How much.
const (
	ErrRateLimited   ErrorCode = "rate_limited"
	ErrQuotaExceeded ErrorCode = "quota_exceeded"
	ErrOverloaded    ErrorCode = "overloaded"
)

// What failed on our side.
const (
	ErrEngineFailed   ErrorCode = "engine_failed"
	ErrTimeout        ErrorCode = "timeout"
	ErrUnavailable    ErrorCode = "unavailable"
	ErrCancelled      ErrorCode = "cancelled"
	ErrFileUnreadable ErrorCode = "file_unreadable"
	ErrModelMissing   ErrorCode = "model_missing"
	ErrModelAltered   ErrorCode = "model_altered"
	ErrRuntimeMissing ErrorCode = "runtime_missing"
	ErrAuditAltered   ErrorCode = "audit_altered"
	ErrInternal       ErrorCode = "internal"
)

// CodeInfo documents one ErrorCode.
type CodeInfo struct {
	Code      ErrorCode
	Status    int // of the HTTP answer that carries it
	Meaning   string
	Retryable bool // the same request can succeed later without being changed
}

// Codes is the closed registry of error codes, in a stable order.
var Codes = []CodeInfo{
	{ErrImageEmpty, 422, "the image has no bytes", false},
	{ErrImageTooLarge, 413, "the image file exceeds the permitted size in bytes", false},
	{ErrImageTypeUnsupported, 415, "the content is not a JPEG, PNG or WebP image, whatever its name says", false},
	{ErrImageCorrupt, 422, "the image cannot be decoded completely", false},
	{ErrImageDimensions, 422, "width, height or number of pixels is outside the permitted range", false},
	{ErrFramesCount, 422, "the number of frames is outside 2 to 32", false},
	{ErrFaceNotFound, 422, "no face was found in the image", false},
	{ErrFacesMultiple, 422, "several faces of similar size were found and none is clearly the subject", false},
	{ErrDocumentNotFound, 422, "no identity document was found in the image", false},
	{ErrMRZUnreadable, 422, "the machine readable zone is not in a known format or could not be read", false},
	{ErrBarcodeUnreadable, 422, "the bar code is not in a known format or could not be read", false},
	{ErrMalwareDetected, 422, "the upload contains malware", false},
	{ErrImageForeignContent, 422, "the file is an image and carries another kind of file as well: a page, script, document, archive or program", false},

	{ErrInvalidArgument, 422, "an argument or field has a value that is not permitted", false},
	{ErrMalformedJSON, 400, "the body is not well-formed JSON, or a member is given twice", false},
	{ErrUnknownField, 422, "the body has a member that this route does not know", false},
	{ErrWrongType, 422, "a member of the body has another JSON type than the route expects", false},
	{ErrMissingField, 422, "a member or parameter that the route needs is absent", false},
	{ErrInvalidBase64, 422, "a member that carries bytes is not standard base64 (RFC 4648 section 4)", false},
	{ErrBodyTooLarge, 413, "the body exceeds what the route accepts", false},
	{ErrBodyIncomplete, 400, "the body ended before its announced length, or stopped coming", false},
	{ErrHeaderInvalid, 400, "a header that may stand only once is given twice, or its value is malformed", false},
	{ErrHeadersTooLarge, 431, "the request line and headers together exceed what is read", false},
	{ErrMalformedRequest, 400, "the request is not well-formed HTTP/1.1", false},
	{ErrRequestTimeout, 408, "the request did not arrive in time", true},
	{ErrUnsupportedMediaType, 415, "the body is not application/json", false},
	{ErrNotFound, 404, "there is no such route or resource for this caller", false},
	{ErrMethodNotAllowed, 405, "the route exists and does not answer this method; Allow names those it does", false},
	{ErrConflict, 409, "the resource is in a state that does not permit this", false},
	{ErrGone, 410, "the resource existed and has been erased or is past its time, or is a link that has been used or has run out", false},
	{ErrIdempotencyInProgress, 409, "the first request with this Idempotency-Key is still being answered", true},
	{ErrIdempotencyMismatch, 422, "this Idempotency-Key was used with another request", false},
	{ErrIdempotencyNotKept, 409, "the first request with this Idempotency-Key was executed and asked for its answer not to be kept", false},
	{ErrURLDenied, 422, "the address is not one that webhooks may be sent to", false},
	{ErrChallengeInvalid, 422, "the liveness challenge is unknown, expired, used before or of another key, as details.reason says; ask for a new one", false},
	{ErrReceiptInvalid, 422, "the receipt does not verify, or what was compared with it is something else, as details.reason says", false},

	{ErrCredentialsMissing, 401, "X-API-KEY, X-API-TIMESTAMP or X-API-SIGN is absent or malformed", false},
	{ErrKeyUnknown, 401, "the key does not exist", false},
	{ErrKeyRevoked, 401, "the key has been revoked", false},
	{ErrKeyExpired, 401, "the key, or the secret that signed, has expired", false},
	{ErrSignatureInvalid, 401, "the signature does not fit the request", false},
	{ErrTimestampSkew, 401, "the timestamp is more than 300 seconds from the server's time, which the details carry", true},
	{ErrReplayed, 401, "this signed request has been accepted before; sign again with another timestamp", false},
	{ErrScopeDenied, 403, "the key does not have the scope that the route needs", false},
	{ErrIPDenied, 403, "the key may not be used from this address", false},
	{ErrTenantSuspended, 403, "the tenant is suspended", false},
	{ErrWrongRegion, 421, "the tenant lives in another region, whose base URL the details carry", false},
	{ErrLoginFailed, 401, "e-mail, password or one-time code is wrong, or the account is locked for a while", false},
	{ErrSessionInvalid, 401, "the operator's session does not exist or has ended", false},
	{ErrRoleDenied, 403, "the operator's role does not permit this", false},

	{ErrRateLimited, 429, "a limit of requests in a time window is used up; Retry-After tells when it opens again", true},
	{ErrQuotaExceeded, 429, "the month's quota of a module is used up and the plan does not allow more", false},
	{ErrOverloaded, 503, "all capacity is in use; Retry-After tells when to try again", true},

	{ErrEngineFailed, 500, "the vision engine failed on this input twice", true},
	{ErrTimeout, 504, "the work was not done within its time", true},
	{ErrUnavailable, 503, "a part that the service needs cannot be reached", true},
	{ErrCancelled, 499, "the work was cancelled, or the caller went away", true},
	{ErrFileUnreadable, 500, "a file named on the command line cannot be read", false},
	{ErrModelMissing, 500, "a model file is not installed", false},
	{ErrModelAltered, 500, "a model file does not have the bytes that the lock file pins", false},
	{ErrRuntimeMissing, 500, "the ONNX Runtime library is not installed or cannot be loaded", false},
	{ErrAuditAltered, 500, "an export of the audit log is not what was signed, or a part of it is missing", false},
	{ErrInternal, 500, "an unexpected fault inside the program", true},
}

// Info returns the registry entry of c, and false for a code that is not registered.
func (c ErrorCode) Info() (CodeInfo, bool) {
	for _, info := range Codes {
		if info.Code == c {
			return info, true
		}
	}
	return CodeInfo{}, false
}

// Error is the one error type that users see: a code of the closed registry, a message that never carries personal data,
// secrets or internals, details for machines, and a private cause for operators.
type Error struct {
	Code    ErrorCode
	Message string
	Details map[string]any
	Cause   error // never shown to clients
}

// Errorf makes an Error with a formatted public message.
func Errorf(code ErrorCode, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// With adds one detail for machines and returns e.
func (e *Error) With(name string, value any) *Error {
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	e.Details[name] = value
	return e
}

// Because sets the private cause and returns e.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// Error gives code and public message; the cause stays out of it.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf gives the code of the first Error in err's chain, ErrInternal for any other error and "" for nil.
func CodeOf(err error) ErrorCode {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ErrInternal
}
