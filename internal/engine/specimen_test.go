package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ekyc"
	"ekyc/internal/document"
	"ekyc/internal/document/check"
	"ekyc/internal/specimen"
	"ekyc/internal/vision"
)

// judged is the day of all specimen tests: documents are valid around the generator's reference date.
var judged = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

var sharedGallery = sync.OnceValues(func() (*specimen.Gallery, error) {
	e, err := shared()
	if err != nil {
		return nil, err
	}
	photographs, err := e.Photographs()
	if err != nil {
		return nil, err
	}
	return specimen.NewGallery(photographs)
})

func gallery(t testing.TB) *specimen.Gallery {
	t.Helper()
	g, err := sharedGallery()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func demonstration(t testing.TB) *specimen.Pair {
	t.Helper()
	pair, err := gallery(t).DemonstrationPair(1)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestTheSamplePersonIsAccepted(t *testing.T) {
	t.Parallel()
	pair := demonstration(t)
	v, err := open(t).Verify(t.Context(), request(pair.Selfie, pair.Front))
	if err != nil {
		t.Fatal(err)
	}
	if v.Decision != ekyc.Accepted {
		t.Errorf("%s with %s points: %v", v.Decision, v.Score, v.HardRules)
	}
	if !slices.Equal(v.Document.MRZ.Lines, pair.Truth.MRZ) {
		t.Error("the machine readable zone was read otherwise than printed")
	}
	for key, want := range map[document.Key]string{
		document.KeySurname: strings.ToUpper(pair.Truth.Holder.Surname), document.KeyDateOfBirth: pair.Truth.Fields["date_of_birth"],
		document.KeyDocumentNumber: pair.Truth.Fields["document_number"], document.KeyNationality: "UTO",
	} {
		if got := v.Document.Fields[key].Value; got != want {
			t.Errorf("%s was read otherwise than printed", key)
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		FaceMatch struct {
			Match      bool    `json:"match"`
			Similarity float64 `json:"similarity"`
			Live       *struct {
				Quality *struct{} `json:"quality"`
			} `json:"live"`
			Document *struct {
				Quality *struct{} `json:"quality"`
			} `json:"document"`
		} `json:"face_match"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	if m := answer.FaceMatch; !m.Match || m.Similarity < 0.75 || m.Live == nil || m.Live.Quality == nil || m.Document == nil || m.Document.Quality == nil {
		t.Error("the JSON of the face match lacks the verdict or the quality of a face")
	}
	var sum int64
	for _, f := range v.Factors {
		sum += int64(f.Points)
	}
	if sum != int64(v.Score) {
		t.Errorf("the points add up to %d and the score is %d hundredths", sum, v.Score)
	}
}

func TestAnotherPersonIsNotAccepted(t *testing.T) {
	t.Parallel()
	pair, g := demonstration(t), gallery(t)
	people := g.People()
	if len(people) < 4 {
		t.Fatalf("only %d people", len(people))
	}
	for _, other := range people[1:4] {
		selfie, err := g.Selfie(other, 0)
		if err != nil {
			t.Fatal(err)
		}
		data, err := vision.EncodeJPEG(selfie, 92)
		if err != nil {
			t.Fatal(err)
		}
		v, err := open(t).Verify(t.Context(), request(data, pair.Front))
		if err != nil {
			t.Fatal(err)
		}
		if v.FaceMatch == nil || v.FaceMatch.Match || v.Decision == ekyc.Accepted {
			t.Errorf("%s: %s, match %+v", other, v.Decision, v.FaceMatch)
		}
	}
}

func TestAnExpiredDocumentIsRejected(t *testing.T) {
	t.Parallel()
	pair := demonstration(t)
	r := request(pair.Selfie, pair.Front)
	r.At = time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)
	v, err := open(t).Verify(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if v.Decision != ekyc.Rejected || !v.Validation.Expired {
		t.Errorf("%s, expired %t", v.Decision, v.Validation.Expired)
	}
}

func TestASpecimenIsNotValidInEarnest(t *testing.T) {
	t.Parallel()
	pair := demonstration(t)
	r := request(pair.Selfie, pair.Front)
	r.Checks.SpecimensAllowed = false
	v, err := open(t).Verify(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if v.Decision == ekyc.Accepted || v.Validation.DocumentValid {
		t.Errorf("%s, valid %t", v.Decision, v.Validation.DocumentValid)
	}
}

// picture decodes a generated file.
func picture(t *testing.T, p *specimen.Picture) *vision.Picture {
	t.Helper()
	decoded, err := vision.Decode(p.Data, vision.SceneLimits)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestEveryKindOfDocumentIsRead(t *testing.T) {
	t.Parallel()
	for i, kind := range specimen.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			portrait, err := gallery(t).Portrait(gallery(t).People()[i%4], 0)
			if err != nil {
				t.Fatal(err)
			}
			d, err := specimen.Generate(specimen.Spec{Kind: kind, Seed: 4000 + uint64(i), Portrait: portrait})
			if err != nil {
				t.Fatal(err)
			}
			front, err := d.Photograph(0, specimen.PhotoSpec{Seed: 1, Width: 2000, Height: 1500, Difficulty: 0.1})
			if err != nil {
				t.Fatal(err)
			}
			r := DocumentRequest{Front: picture(t, front), At: judged}
			if d.Sides() > 1 {
				back, err := d.Photograph(1, specimen.PhotoSpec{Seed: 2, Width: 2000, Height: 1500, Difficulty: 0.1})
				if err != nil {
					t.Fatal(err)
				}
				r.Back = picture(t, back)
			}
			reading, err := open(t).ReadDocument(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if got := reading.Detected; got.Type != front.Truth.Type || got.Subtype != front.Truth.Subtype || got.Country != front.Truth.Country {
				t.Errorf("taken for %s %s of %q", got.Type, got.Subtype, got.Country)
			}
			if len(d.MRZ) > 0 && (reading.MRZ == nil || !slices.Equal(reading.MRZ.Lines, d.MRZ)) {
				t.Error("the machine readable zone was read otherwise than printed")
			}
			if reading.Fields[document.KeyDocumentNumber].Value != d.Fields["document_number"] {
				t.Error("the document's number was read otherwise than printed")
			}
			verdict := open(t).Validate(reading, check.Policy{SpecimensAllowed: true}, judged)
			if !verdict.DocumentValid {
				for _, c := range verdict.Checks {
					if c.Status == ekyc.Fail || c.Status == ekyc.NotExecuted && c.Severity != ekyc.SeverityMinor {
						t.Errorf("check %s (%s): %s", c.Name, c.Severity, c.Message)
					}
				}
				t.Error("a sound document is not valid")
			}
		})
	}
}

func TestAnEditedZoneIsNotValid(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		d, err := specimen.Generate(specimen.Spec{Kind: specimen.Passport, Seed: 500 + seed})
		if err != nil {
			t.Fatal(err)
		}
		forged, err := d.Attack(specimen.MRZEdited, specimen.PhotoSpec{Seed: seed, Width: 1600, Height: 1200, Difficulty: 0.05}, nil)
		if err != nil {
			t.Fatal(err)
		}
		reading, err := open(t).ReadDocument(t.Context(), DocumentRequest{Front: picture(t, forged), At: judged})
		if err != nil {
			t.Fatal(err)
		}
		if verdict := open(t).Validate(reading, check.Policy{SpecimensAllowed: true}, judged); verdict.DocumentValid {
			t.Errorf("seed %d: a document whose zone was edited (%s) is valid", seed, forged.Truth.Forgery.Field)
		}
	}
}
