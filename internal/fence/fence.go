// Package fence keeps native code away from the service. Decoders and models parse hostile input in C, so they run in child
// processes of the same binary, each with limits on memory and time and with one request at a time: a crash or a hang costs that
// request, which is tried once more, and never the service.
//
// The parent speaks to a child over a socket pair that only the two of them hold. A child has no listening port, none of the
// service's secrets in its environment, and dies with its parent.
package fence

import (
	"context"
	"errors"

	"ekyc/internal/engine"
	"ekyc/internal/face"
)

// Engine is what the service needs of the vision engine. [*Pool] runs it behind the fence, [*Local] in this process. All methods are
// safe for concurrent use. Images are not to be changed afterwards: one that nobody waits for any more may still be on its way. Beside
// the errors of the engine's own steps they give ErrCancelled when ctx ends, and a Pool gives ErrOverloaded, ErrTimeout, ErrEngineFailed,
// and ErrUnavailable because of [ErrClosed].
type Engine interface {
	// Selfie is [engine.Engine.Selfie]: liveness, and the enrolled face.
	Selfie(ctx context.Context, r engine.SelfieRequest) (*engine.SelfieOutcome, error)
	// Document is [engine.Engine.Document]: reading, validation, and the enrolled portrait.
	Document(ctx context.Context, r engine.DocumentUpload) (*engine.DocumentOutcome, error)
	// MatchPhotos is [engine.Engine.MatchPhotos].
	MatchPhotos(ctx context.Context, live, reference []byte, o face.Options) (*engine.FaceComparison, error)
	// Enrol is [engine.Engine.Enrol]: the one face of a reference photograph.
	Enrol(ctx context.Context, photo []byte) (*engine.FaceSample, error)
	// Sanitise is [engine.Engine.Sanitise]: an upload as it may be stored.
	Sanitise(ctx context.Context, r engine.SanitiseRequest) (*engine.SanitiseOutcome, error)
	// CompareSamples is [engine.Matcher.Compare] on the loaded models. It runs no native code.
	CompareSamples(ctx context.Context, a, b *engine.FaceSample, o face.Options) (face.Match, error)
	// Models says what is loaded. The answer is shared and not to be changed.
	Models(ctx context.Context) (*engine.Inventory, error)
}

// ErrClosed is the cause of every error that a Pool gives because it is closed or being closed: the request is not to blame, and
// elsewhere or later it can be answered. errors.Is finds it.
var ErrClosed = errors.New("the pool of engines is closed")

// Local is an Engine in this process, without a fence: for the command line, and for what a child serves.
type Local struct{ *engine.Engine }

// CompareSamples compares two enrolled faces.
func (l Local) CompareSamples(_ context.Context, a, b *engine.FaceSample, o face.Options) (face.Match, error) {
	return l.Matcher().Compare(a, b, o)
}

// Models says what is loaded.
func (l Local) Models(context.Context) (*engine.Inventory, error) { return l.Inventory(), nil }

var (
	_ Engine = (*Pool)(nil)
	_ Engine = Local{}
)
