package s3

import (
	"context"

	"github.com/minio/minio-go/v7"

	"ekyc"
)

// Fault gives an error of the server its code: ErrNotFound for an object that is not there, ErrCancelled when the caller's context has ended, and
// ErrUnavailable for everything else. What the server has said is in the cause only.
func Fault(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ekyc.Errorf(ekyc.ErrCancelled, "the request was stopped").Because(err)
	case absent(err):
		return ekyc.Errorf(ekyc.ErrNotFound, "the file is not there").Because(err)
	}
	return unavailable(err)
}

func unavailable(cause error) error {
	return ekyc.Errorf(ekyc.ErrUnavailable, "the object store is not available").Because(cause)
}

// absent says whether the server has said that there is no such object.
func absent(err error) bool {
	code := minio.ToErrorResponse(err).Code
	return code == minio.NoSuchKey || code == "NoSuchVersion"
}

// lacks says whether the server has said that the bucket has no such setting, or that it knows none.
func lacks(err error) bool {
	switch minio.ToErrorResponse(err).Code {
	case "ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed", "VersioningNotConfigured":
		return true
	}
	return false
}
