package receipt

import (
	"bytes"
	"encoding/hex"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ekyc"
)

// Why a receipt does not verify: the detail "reason" of ErrReceiptInvalid.
const (
	ReasonMalformed    = "malformed"
	ReasonVersion      = "version_unknown"
	ReasonNotCanonical = "not_canonical"
	ReasonKeyUnknown   = "key_unknown"
	ReasonKeyTime      = "key_not_in_use_then"
	ReasonSignature    = "signature"
	ReasonNoOpenings   = "no_openings"
	ReasonNoSuchInput  = "no_such_input"
	ReasonInput        = "input_differs"
	ReasonResult       = "result_differs"
	ReasonPrevious     = "previous_differs"
)

// Reasons lists them in the order in which they are looked for.
var Reasons = []string{
	ReasonMalformed, ReasonVersion, ReasonNotCanonical, ReasonKeyUnknown, ReasonKeyTime, ReasonSignature, ReasonNoOpenings, ReasonNoSuchInput,
	ReasonInput, ReasonResult, ReasonPrevious,
}

// LongestDocument bounds what is read as a receipt, in bytes. One with 32 frames and 40 models takes 12 kB.
const LongestDocument = 1 << 20

func refuse(reason, format string, args ...any) error {
	return ekyc.Errorf(ekyc.ErrReceiptInvalid, format, args...).With("reason", reason)
}

// Verified is a receipt whose signature was found to be that of one of the given keys.
type Verified struct {
	Receipt
	Canonical []byte // what was signed
	salt      []byte // nil without openings
}

// document is Signed, read strictly.
type document struct {
	Receipt   jsontext.Value `json:"receipt"`
	Signature string         `json:"signature"`
	KeyID     string         `json:"key_id"`
	Openings  *Openings      `json:"openings"`
}

// Verify checks what GET /jobs/{id}/receipt answers: its form, that the receipt stands there as it was signed, the signature, and that the
// key was in use when it was issued. With reformatted, a receipt whose white space, order or spelling a tool has changed is brought back into its
// canonical form first. Errors: ErrReceiptInvalid with the detail "reason".
func Verify(text []byte, keys KeySet, reformatted bool) (*Verified, error) {
	var d document
	if len(text) > LongestDocument {
		return nil, refuse(ReasonMalformed, "the document has more than %d bytes", LongestDocument)
	}
	if err := json.Unmarshal(text, &d, json.RejectUnknownMembers(true)); err != nil || d.Receipt == nil {
		return nil, refuse(ReasonMalformed, "this is no JSON object of receipt, signature and key_id")
	}
	v := &Verified{}
	if err := v.read(d, reformatted); err != nil {
		return nil, err
	}
	if err := verifySignature(v.Canonical, d.Signature, v.KeyID, v.IssuedAt, keys); err != nil {
		return nil, err
	}
	return v, nil
}

// read takes the document apart.
func (v *Verified) read(d document, reformatted bool) (err error) {
	if v.Canonical, err = Canonical(d.Receipt); err != nil {
		return refuse(ReasonMalformed, "the receipt is %s", err)
	}
	if err := json.Unmarshal(v.Canonical, &v.Receipt); err != nil {
		return refuse(ReasonMalformed, "the receipt's members are not those of a receipt")
	}
	switch {
	case v.Version != Version:
		return refuse(ReasonVersion, "the receipt is of another version than %s", Version)
	case !bytes.Equal(v.Canonical, d.Receipt) && !reformatted:
		return refuse(ReasonNotCanonical, "the receipt is not in its canonical form (RFC 8785): a tool has reformatted it. With --reformatted what it says is verified all the same")
	case d.KeyID != v.KeyID:
		return refuse(ReasonMalformed, "the document names another key than the receipt")
	}
	if d.Openings == nil {
		return nil
	}
	if v.salt, err = hex.DecodeString(d.Openings.Salt); err != nil || len(v.salt) != SaltSize || hex.EncodeToString(v.salt) != d.Openings.Salt {
		return refuse(ReasonMalformed, "the salt of the openings is not %d bytes in lower-case hex", SaltSize)
	}
	return nil
}

// HasOpenings says whether inputs and result can be compared.
func (v *Verified) HasOpenings() bool { return v.salt != nil }

// Claim is the kind of the input that is JSON: it is committed to in its canonical form.
const Claim = "claim"

// CheckInput says whether data are the bytes of one of the inputs; of a claim, its JSON in any form. Errors: ErrReceiptInvalid.
func (v *Verified) CheckInput(kind string, position int, data []byte) error {
	if v.salt == nil {
		return noOpenings()
	}
	if kind == Claim {
		if canonical, err := Canonical(data); err == nil {
			data = canonical
		}
	}
	for _, in := range v.Inputs {
		if in.Kind != kind || in.Position != position {
			continue
		}
		if Commit(v.salt, data) != in.Commitment {
			return refuse(ReasonInput, "these are not the bytes of the input %s %d", kind, position)
		}
		return nil
	}
	return refuse(ReasonNoSuchInput, "the receipt has no input %s %d", kind, position)
}

// CheckResult says whether a JSON text is the result that was decided upon: the member result of a job, in any form. Errors: ErrReceiptInvalid.
func (v *Verified) CheckResult(result []byte) error {
	if v.salt == nil {
		return noOpenings()
	}
	commitment, err := commitResult(v.salt, result)
	if err != nil || commitment != v.Result {
		return refuse(ReasonResult, "this is not the result that the receipt is about")
	}
	return nil
}

// CheckPrevious says whether another receipt, verified as well, is the one that this one follows. Errors: ErrReceiptInvalid.
func (v *Verified) CheckPrevious(before *Verified) error {
	if v.Previous == "" || v.Previous != hashOf(before.Canonical) {
		return refuse(ReasonPrevious, "the receipt does not follow that one")
	}
	return nil
}

func noOpenings() error {
	return refuse(ReasonNoOpenings, "the document has no openings; get it with ?openings=true")
}
