package api

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ekyc"
	"ekyc/internal/challenge"
	"ekyc/internal/face/liveness"
)

// challengeRoutes give out what a person is to do before the camera.
func (s *Server) challengeRoutes(f *surface) {
	handle(f, route{
		method: http.MethodPost, path: "/liveness/challenges", id: "liveness-challenge", tag: "modules", status: http.StatusCreated, mayBeBare: true,
		summary: "Ask for a challenge",
		description: "A random sequence of actions that a person is to perform before the camera, in this order, looking straight at it before, between and after. " +
			"Frames of the recording answer it once, within 180 seconds, by the key that asked: as challenge_id beside frames_base64 of /liveness/analyze or /kyc/verify. " +
			"Left and right are the person's own. The key needs the scope liveness or workflow. A challenge is not billed.",
	}, s.askChallenge)
}

// ChallengeBody asks for a challenge.
type ChallengeBody struct {
	Actions int `json:"actions,omitempty" minimum:"3" maximum:"5" doc:"How many actions; 3 unless given."`
}

// ChallengeAnswer is what the person is to do.
type ChallengeAnswer struct {
	ChallengeID ekyc.ID           `json:"challenge_id"`
	Actions     []liveness.Action `json:"actions" enum:"turn_left,turn_right,look_up,blink_twice,glance_left,glance_right,come_closer" doc:"In the order in which they are to be performed. turn: with the head; look_up: with the head; glance: at that corner of the screen with the eyes only, the head held still."`
	ExpiresAt   time.Time         `json:"expires_at"`
	Signature   string            `json:"signature" doc:"HMAC-SHA256 under a key of the tenant's that never leaves the service, over the whole challenge. Whoever changes what is stored of it makes it useless."`
}

func (s *Server) askChallenge(ctx context.Context, call *Call, _ *none, b *ChallengeBody) (*ChallengeAnswer, error) {
	if p := call.Principal; p.Require("workflow") != nil {
		if err := p.Require("liveness"); err != nil {
			return nil, err
		}
	}
	n := b.Actions
	if n == 0 {
		n = liveness.DefaultActions
	}
	var out *ChallengeAnswer
	err := s.DB.InTenant(ctx, call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		c, err := s.Challenges.Issue(ctx, tx, call.Scope, call.Principal.Key.ID, n)
		if err != nil {
			return err
		}
		out = &ChallengeAnswer{ChallengeID: c.ID, Actions: c.Actions, ExpiresAt: c.ExpiresAt.UTC(), Signature: c.Signature}
		return call.Remember(ctx, tx, http.StatusCreated, out, "", true)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Answered is the part of a body that says which challenge the frames answer.
type Answered struct {
	ChallengeID    ekyc.ID `json:"challenge_id,omitempty" maxLength:"64" doc:"The challenge of /liveness/challenges that the frames answer. It makes hints binding: what is not proven fails."`
	FramesMirrored bool    `json:"frames_mirrored,omitempty" doc:"true where the frames show the person as a mirror does. What a browser's or a phone's camera gives is not mirrored, only its preview is."`
}

func (a *Answered) challengeProblems(frames []Image) (found []FieldProblem) {
	switch {
	case a.ChallengeID != "" && frames == nil:
		found = append(found, FieldProblem{"/challenge_id", "needs frames_base64"})
	case a.ChallengeID == "" && a.FramesMirrored:
		found = append(found, FieldProblem{"/frames_mirrored", "needs challenge_id"})
	}
	return found
}

// answering is a challenge that a request takes.
type answering struct {
	server *Server
	call   *Call
	body   *Answered
	taken  *challenge.Challenge // once it is used
}

// take uses the challenge in a transaction and gives what the frames are to show.
func (a *answering) take(ctx context.Context, tx pgx.Tx) (*liveness.Task, error) {
	c, err := a.server.Challenges.Use(ctx, tx, a.call.Scope, a.call.Principal.Key.ID, a.body.ChallengeID)
	if err != nil {
		return nil, err
	}
	a.taken = &c
	return &liveness.Task{Actions: c.Actions, Mirrored: a.body.FramesMirrored}, nil
}

// begin is take in a transaction of its own, for work that follows in line; nil where no challenge is answered.
func (a *answering) begin(ctx context.Context) (task *liveness.Task, err error) {
	if a.body.ChallengeID == "" {
		return nil, nil
	}
	err = a.server.DB.InTenant(ctx, a.call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		task, err = a.take(ctx, tx)
		return err
	})
	return task, err
}

// end gives the challenge back when the work failed on our side. When that fails too, the person asks for another.
func (a *answering) end(ctx context.Context, failure error) {
	if info, _ := ekyc.CodeOf(failure).Info(); a.taken == nil || info.Status < http.StatusInternalServerError {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err := a.server.DB.InTenant(ctx, a.call.Scope, func(ctx context.Context, tx pgx.Tx) error {
		return a.server.Challenges.GiveBack(ctx, tx, a.call.Scope, *a.taken)
	})
	if err != nil {
		a.server.options.Logger.WarnContext(ctx, "a challenge was not given back", "error.message", err.Error())
	}
}
