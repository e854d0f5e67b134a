package api

import (
	"context"
	"net/http"
	"time"

	"ekyc"
	"ekyc/internal/profile"
)

// ProfileClaim is what a person says of himself, and the address that he was seen at.
type ProfileClaim struct {
	Email       string        `json:"email,omitempty" maxLength:"320"`
	Phone       string        `json:"phone,omitempty" maxLength:"40" doc:"E.164, or national with country."`
	Country     string        `json:"country,omitempty" maxLength:"3" doc:"ISO 3166-1 alpha-3 or alpha-2, or ICAO code."`
	IP          string        `json:"ip,omitempty" maxLength:"45" doc:"The address from which the person came."`
	Names       *ClaimedNames `json:"names,omitempty"`
	DateOfBirth string        `json:"date_of_birth,omitempty" maxLength:"10" doc:"ISO 8601, YYYY-MM-DD."`
}

// ClaimedNames are the names as the person gives them.
type ClaimedNames struct {
	GivenNames string `json:"given_names,omitempty" maxLength:"200"`
	Surname    string `json:"surname,omitempty" maxLength:"200"`
	FullName   string `json:"full_name,omitempty" maxLength:"400" doc:"Where the parts are not told apart."`
}

func (c *ProfileClaim) input(at time.Time) profile.Input {
	in := profile.Input{Email: c.Email, Phone: c.Phone, IP: c.IP, Country: c.Country, DateOfBirth: c.DateOfBirth, At: at}
	if c.Names != nil {
		in.GivenNames, in.Surname, in.FullName = c.Names.GivenNames, c.Names.Surname, c.Names.FullName
	}
	return in
}

func (c *ProfileClaim) problems() []FieldProblem {
	if c == nil || *c == (ProfileClaim{}) {
		return []FieldProblem{{"/", "one of email, phone, country, ip, names or date_of_birth " + requiredProblem}}
	}
	return nil
}

// KYABody asks for the light checks of a profile, and may give what a document says to compare it with.
type KYABody struct {
	ProfileClaim
	Document *ProfileDocument `json:"document,omitempty" doc:"What was read from the person's document, to be compared."`
}

// ProfileDocument is what a document says of the person.
type ProfileDocument struct {
	GivenNames  string `json:"given_names,omitempty" maxLength:"200"`
	Surname     string `json:"surname,omitempty" maxLength:"200"`
	FullName    string `json:"full_name,omitempty" maxLength:"400"`
	Country     string `json:"country,omitempty" maxLength:"3"`
	Nationality string `json:"nationality,omitempty" maxLength:"3"`
	DateOfBirth string `json:"date_of_birth,omitempty" maxLength:"10"`
}

func (b *KYABody) problems() []FieldProblem { return b.ProfileClaim.problems() }

// KYAAnswer is the outcome of the light checks.
type KYAAnswer struct {
	Score      float64           `json:"score" doc:"0 to 1."`
	Confidence float64           `json:"confidence" doc:"The share of what was given that could be evaluated."`
	Checks     []ekyc.Check      `json:"checks"`
	Normalised NormalisedProfile `json:"normalised"`
	Metered
}

// NormalisedProfile is what was given, in standard forms; absent where not given or not understood.
type NormalisedProfile struct {
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty" doc:"E.164."`
	PhoneRegion string `json:"phone_region,omitempty"`
	PhoneType   string `json:"phone_type,omitempty"`
	IPCountry   string `json:"ip_country,omitempty"`
	Country     string `json:"country,omitempty"`
}

func (s *Server) profileRoutes(f *surface) {
	handle(f, route{
		method: http.MethodPost, path: "/kya/check", id: "kya-check", tag: "modules", scope: "kya",
		summary:     "Does this profile hang together?",
		description: "Light checks of e-mail, telephone, address and names, each with its own status. What was not given is not_applicable; what could not be asked is not_executed.",
	}, s.checkProfile)
}

func (s *Server) checkProfile(ctx context.Context, call *Call, _ *none, b *KYABody) (*KYAAnswer, error) {
	return meter(ctx, s, call, ekyc.ModuleKYA, "", func(ctx context.Context) (*KYAAnswer, error) {
		in := b.input(s.options.Now())
		if d := b.Document; d != nil {
			in.Document = &profile.DocumentFacts{
				GivenNames: d.GivenNames, Surname: d.Surname, FullName: d.FullName, Country: d.Country, Nationality: d.Nationality, DateOfBirth: d.DateOfBirth,
			}
		}
		r, err := s.Profiles.Check(ctx, in)
		if err != nil {
			return nil, err
		}
		return &KYAAnswer{Score: r.Score, Confidence: r.Confidence, Checks: r.Checks, Normalised: NormalisedProfile(r.Normalised)}, nil
	})
}
