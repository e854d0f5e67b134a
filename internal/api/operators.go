package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"ekyc"
	"ekyc/internal/audit"
	"ekyc/internal/operator"
)

// OperatorAnswer is one account of the platform's staff.
type OperatorAnswer struct {
	ID          ekyc.ID       `json:"operator_id"`
	Email       string        `json:"email"`
	Role        operator.Role `json:"role" enum:"owner,operator,viewer"`
	TOTP        bool          `json:"totp" doc:"A one-time code is asked for."`
	Disabled    bool          `json:"disabled"`
	CreatedAt   time.Time     `json:"created_at"`
	LastLoginAt *time.Time    `json:"last_login_at,omitempty"`

	PasswordExpiresAt *time.Time `json:"password_expires_at,omitempty" doc:"When the password is over that the command line gave out, unless it is changed before."`
}

// LoginBody opens a session.
type LoginBody struct {
	Email    string `json:"email" minLength:"1" maxLength:"320"`
	Password string `json:"password" minLength:"1" maxLength:"1000"`
	Code     string `json:"code,omitempty" maxLength:"10" doc:"The one-time code, for operators who have them."`
}

// SessionAnswer is the proof of a login.
type SessionAnswer struct {
	Token     string         `json:"token" doc:"Send it as Authorization: Bearer. Shown this once."`
	ExpiresAt time.Time      `json:"expires_at" doc:"At the latest; half an hour without a request ends it too."`
	Operator  OperatorAnswer `json:"operator"`
}

// OperatorBody describes an account to be made.
type OperatorBody struct {
	Email    string        `json:"email" minLength:"3" maxLength:"320"`
	Password string        `json:"password" minLength:"12" maxLength:"1000"`
	Role     operator.Role `json:"role" enum:"owner,operator,viewer"`
}

// OperatorPatch changes what is given.
type OperatorPatch struct {
	Role     *operator.Role `json:"role,omitempty" enum:"owner,operator,viewer"`
	Password *string        `json:"password,omitempty" minLength:"12" maxLength:"1000"`
	Disabled *bool          `json:"disabled,omitempty"`
	NoTOTP   bool           `json:"reset_totp,omitempty" doc:"true takes one-time codes away from an operator who lost the device."`
}

// PasswordBody changes one's own password.
type PasswordBody struct {
	Current string `json:"current" minLength:"1" maxLength:"1000"`
	New     string `json:"new" minLength:"12" maxLength:"1000"`
	Code    string `json:"code,omitempty" maxLength:"10"`
}

// TOTPAnswer is a secret for an authenticator app.
type TOTPAnswer struct {
	Secret string `json:"secret" doc:"Base32. Shown this once."`
	URL    string `json:"url" doc:"otpauth, for a QR code."`
}

// CodeBody is a one-time code.
type CodeBody struct {
	Code string `json:"code" minLength:"6" maxLength:"10"`
}

// OperatorList lists the accounts.
type OperatorList struct {
	Operators []OperatorAnswer `json:"operators"`
}

// OpenSessionAnswer is a session of one's own.
type OpenSessionAnswer struct {
	ID         string    `json:"session_id" doc:"Names the session and opens nothing."`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at" doc:"At the latest; half an hour without a request ends it too."`
	Origin     string    `json:"origin,omitempty" enum:"loopback,private,public" doc:"The class of the address that logged in."`
	Current    bool      `json:"current" doc:"The session of this request."`
}

// OpenSessionList lists one's own sessions.
type OpenSessionList struct {
	Sessions []OpenSessionAnswer `json:"sessions"`
}

// EndSessionsBody proves again who asks, and says what is to end.
type EndSessionsBody struct {
	Session  string `json:"session_id,omitempty" maxLength:"64" doc:"The session to be ended; all but this one unless given."`
	Password string `json:"password" minLength:"1" maxLength:"1000"`
	Code     string `json:"code,omitempty" maxLength:"10" doc:"The one-time code, for operators who have them."`
}

type operatorParams struct {
	ID string `path:"id" maxLength:"64" doc:"The operator."`
}

func (s *Server) sessionRoutes(f *surface) {
	handle(f, route{method: http.MethodPost, path: "/session", id: "session-open", tag: "session", access: open, status: http.StatusCreated, summary: "Log in",
		errors: []ekyc.ErrorCode{ekyc.ErrLoginFailed, ekyc.ErrRateLimited}}, s.login)
	own := func(method, path, id, summary string, status int) route {
		return route{method: method, path: path, id: id, tag: "session", access: operators, permission: operator.View, anyFactor: true, summary: summary, status: status}
	}
	handle(f, own(http.MethodDelete, "/session", "session-close", "Log out", http.StatusNoContent), s.logout)
	handle(f, own(http.MethodGet, "/me", "me", "Who am I?", 0), s.me)
	handle(f, own(http.MethodPost, "/me/totp", "totp-enrol", "Begin to use one-time codes", 0), s.enrolTOTP)
	handle(f, own(http.MethodPost, "/me/totp/confirm", "totp-confirm", "Put the enrolled codes in force", http.StatusNoContent), s.confirmTOTP)
	handle(f, own(http.MethodPost, "/me/password", "password-change", "Change my password; all sessions end", http.StatusNoContent), s.changePassword)
	handle(f, own(http.MethodGet, "/me/sessions", "sessions-list", "List my sessions", 0), s.listSessions)
	handle(f, own(http.MethodPost, "/me/sessions/end", "sessions-end", "End one of my sessions, or all but this one", http.StatusNoContent), s.endSessions)
}

func (s *Server) operatorRoutes(f *surface) {
	owners := func(method, path, id, summary string, status int) route {
		return route{method: method, path: path, id: id, tag: "operators", access: operators, permission: operator.ManageOperators, summary: summary, status: status}
	}
	handle(f, owners(http.MethodGet, "/operators", "operators-list", "List the operators", 0), s.listOperators)
	handle(f, owners(http.MethodPost, "/operators", "operators-create", "Make an account", http.StatusCreated), s.createOperator)
	handle(f, owners(http.MethodPatch, "/operators/{id}", "operators-update", "Change an account", 0), s.updateOperator)
}

func (s *Server) login(ctx context.Context, call *Call, _ *none, b *LoginBody) (*SessionAnswer, error) {
	session, err := s.Operators.Login(ctx, b.Email, b.Password, b.Code, call.from)
	if err != nil {
		return nil, err
	}
	return &SessionAnswer{Token: session.Token, ExpiresAt: session.ExpiresAt, Operator: OperatorAnswer(session.Operator)}, nil
}

// enteredOperator enters what is done to an operator's account.
func (s *Server) enteredOperator(ctx context.Context, id ekyc.ID, action audit.Action, details audit.Details, act func(context.Context) error) error {
	_, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (none, audit.Entry, error) {
		return none{}, audit.Entry{Action: action, Objects: []ekyc.ID{id}, Details: details}, act(ctx)
	})
	return err
}

func (s *Server) logout(ctx context.Context, call *Call, _ *none, _ *none) (*none, error) {
	return &none{}, s.enteredOperator(ctx, call.Operator.ID, audit.SignOut, nil, func(ctx context.Context) error { return s.Operators.Logout(ctx, call.session) })
}

func (s *Server) listSessions(ctx context.Context, call *Call, _ *none, _ *none) (*OpenSessionList, error) {
	list, err := s.Operators.Sessions(ctx, call.Operator.ID, call.session)
	if err != nil {
		return nil, err
	}
	out := &OpenSessionList{Sessions: []OpenSessionAnswer{}}
	for _, session := range list {
		out.Sessions = append(out.Sessions, OpenSessionAnswer(session))
	}
	return out, nil
}

func (s *Server) endSessions(ctx context.Context, call *Call, _ *none, b *EndSessionsBody) (*none, error) {
	proof, err := s.Operators.Login(ctx, call.Operator.Email, b.Password, b.Code, call.from)
	if err != nil {
		return nil, err
	}
	details := audit.Details{}
	return &none{}, s.enteredOperator(ctx, call.Operator.ID, audit.SignOut, details, func(ctx context.Context) error {
		if err := s.Operators.Logout(ctx, proof.Token); err != nil { // it has served
			return err
		}
		if b.Session != "" {
			return s.Operators.EndSession(ctx, call.Operator.ID, b.Session)
		}
		ended, err := s.Operators.EndOtherSessions(ctx, call.Operator.ID, call.session)
		details[audit.Units] = fmt.Sprint(ended)
		return err
	})
}

func (s *Server) me(_ context.Context, call *Call, _ *none, _ *none) (*OperatorAnswer, error) {
	out := OperatorAnswer(*call.Operator)
	return &out, nil
}

// ProofBody proves again who asks: a session that was left open is not enough.
type ProofBody struct {
	Password string `json:"password" minLength:"1" maxLength:"1000"`
	Code     string `json:"code,omitempty" maxLength:"10" doc:"The one-time code, for operators who have them."`
}

func (s *Server) enrolTOTP(ctx context.Context, call *Call, _ *none, b *ProofBody) (*TOTPAnswer, error) {
	proof, err := s.Operators.Login(ctx, call.Operator.Email, b.Password, b.Code, call.from)
	if err != nil {
		return nil, err
	}
	out := &TOTPAnswer{}
	return out, s.enteredOperator(ctx, call.Operator.ID, audit.OperatorTOTP, audit.Details{audit.Step: "enrol"}, func(ctx context.Context) (err error) {
		if err := s.Operators.Logout(ctx, proof.Token); err != nil { // it has served
			return err
		}
		out.Secret, out.URL, err = s.Operators.EnrolTOTP(ctx, call.Operator.ID)
		return err
	})
}

func (s *Server) confirmTOTP(ctx context.Context, call *Call, _ *none, b *CodeBody) (*none, error) {
	return &none{}, s.enteredOperator(ctx, call.Operator.ID, audit.OperatorTOTP, audit.Details{audit.Step: "confirm"}, func(ctx context.Context) error {
		return s.Operators.ConfirmTOTP(ctx, call.Operator.ID, b.Code)
	})
}

func (s *Server) changePassword(ctx context.Context, call *Call, _ *none, b *PasswordBody) (*none, error) {
	session, err := s.Operators.Login(ctx, call.Operator.Email, b.Current, b.Code, call.from)
	if err != nil {
		return nil, err
	}
	return &none{}, s.enteredOperator(ctx, session.Operator.ID, audit.OperatorPassword, nil, func(ctx context.Context) error {
		return s.Operators.SetPassword(ctx, session.Operator.ID, b.New)
	})
}

func (s *Server) listOperators(ctx context.Context, _ *Call, _ *none, _ *none) (*OperatorList, error) {
	list, err := s.Operators.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &OperatorList{Operators: []OperatorAnswer{}}
	for _, o := range list {
		out.Operators = append(out.Operators, OperatorAnswer(o))
	}
	return out, nil
}

func (s *Server) createOperator(ctx context.Context, _ *Call, _ *none, b *OperatorBody) (*OperatorAnswer, error) {
	o, err := entered(ctx, s, ekyc.Scope{}, func(ctx context.Context) (operator.Operator, audit.Entry, error) {
		o, err := s.Operators.Create(ctx, b.Email, b.Password, b.Role)
		return o, audit.Entry{Action: audit.OperatorCreate, Objects: []ekyc.ID{o.ID}, Details: audit.Details{audit.Role: string(o.Role)}}, err
	})
	out := OperatorAnswer(o)
	return &out, err
}

func (s *Server) updateOperator(ctx context.Context, _ *Call, p *operatorParams, b *OperatorPatch) (*OperatorAnswer, error) {
	return withID(ekyc.KindOperator, p.ID, func(id ekyc.ID) (*OperatorAnswer, error) {
		details := audit.Details{audit.Changed: given(map[string]bool{"role": b.Role != nil, "password": b.Password != nil, "disabled": b.Disabled != nil, "totp": b.NoTOTP})}
		if b.Role != nil {
			details[audit.Role] = string(*b.Role)
		}
		if err := s.enteredOperator(ctx, id, audit.OperatorUpdate, details, func(ctx context.Context) error { return s.applyPatch(ctx, id, b) }); err != nil {
			return nil, err
		}
		o, err := s.Operators.Get(ctx, id)
		out := OperatorAnswer(o)
		return &out, err
	})
}

func (s *Server) applyPatch(ctx context.Context, id ekyc.ID, b *OperatorPatch) error {
	if b.Role != nil {
		if _, err := s.Operators.SetRole(ctx, id, *b.Role); err != nil {
			return err
		}
	}
	if b.Password != nil {
		if err := s.Operators.SetPassword(ctx, id, *b.Password); err != nil {
			return err
		}
	}
	if b.NoTOTP {
		if err := s.Operators.ResetTOTP(ctx, id); err != nil {
			return err
		}
	}
	switch {
	case b.Disabled == nil:
		return nil
	case *b.Disabled:
		return s.Operators.Disable(ctx, id)
	}
	return s.Operators.Enable(ctx, id)
}
