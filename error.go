package ekyc

import (
	"errors"
	"fmt"
)

// ErrorCode names one way a request can fail. The set is closed: every code is described in Codes.
type ErrorCode string

// The codes that bad input, absent content and a damaged installation produce.
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
	ErrInvalidArgument      ErrorCode = "invalid_argument"
	ErrFileUnreadable       ErrorCode = "file_unreadable"
	ErrModelMissing         ErrorCode = "model_missing"
	ErrModelAltered         ErrorCode = "model_altered"
	ErrRuntimeMissing       ErrorCode = "runtime_missing"
	ErrCancelled            ErrorCode = "cancelled"
	ErrInternal             ErrorCode = "internal"
)

// CodeInfo documents one ErrorCode.
type CodeInfo struct {
	Code      ErrorCode
	Meaning   string
	Retryable bool // the same request can succeed later without being changed
}

// Codes is the closed registry of error codes, in a stable order.
var Codes = []CodeInfo{
	{ErrImageEmpty, "the image has no bytes", false},
	{ErrImageTooLarge, "the image file exceeds the permitted size in bytes", false},
	{ErrImageTypeUnsupported, "the content is not a JPEG, PNG or WebP image, whatever its name says", false},
	{ErrImageCorrupt, "the image cannot be decoded completely", false},
	{ErrImageDimensions, "width, height or number of pixels is outside the permitted range", false},
	{ErrFramesCount, "the number of frames is outside 2 to 32", false},
	{ErrFaceNotFound, "no face was found in the image", false},
	{ErrFacesMultiple, "several faces of similar size were found and none is clearly the subject", false},
	{ErrDocumentNotFound, "no identity document was found in the image", false},
	{ErrMRZUnreadable, "the machine readable zone is not in a known format or could not be read", false},
	{ErrBarcodeUnreadable, "the bar code is not in a known format or could not be read", false},
	{ErrMalwareDetected, "the upload contains malware", false},
	{ErrInvalidArgument, "an argument or field has a value that is not permitted", false},
	{ErrFileUnreadable, "a file named on the command line cannot be read", false},
	{ErrModelMissing, "a model file is not installed", false},
	{ErrModelAltered, "a model file does not have the bytes that the lock file pins", false},
	{ErrRuntimeMissing, "the ONNX Runtime library is not installed or cannot be loaded", false},
	{ErrCancelled, "the work was cancelled or ran out of time", true},
	{ErrInternal, "an unexpected fault inside the program", true},
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
