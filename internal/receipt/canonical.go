package receipt

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical gives the one form of a JSON text that is signed and committed to: RFC 8785, the JSON Canonicalization Scheme. Members are
// sorted, white space is dropped, strings and numbers are written in one way. Texts that RFC 7493 does not permit are refused: a member
// given twice, a string that is no Unicode, and a number beyond the range of double precision, which would be written as another.
func Canonical(text []byte) ([]byte, error) {
	if err := checkNumbers(text); err != nil {
		return nil, err
	}
	value := jsontext.Value(append([]byte(nil), text...)) // it is rewritten in place
	if err := value.Canonicalize(); err != nil {
		return nil, malformed(err)
	}
	return value, nil
}

func checkNumbers(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return malformed(err)
		}
		if token.Kind() != '0' {
			continue
		}
		if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
			return errors.New("a number is beyond the range of double precision")
		}
	}
}

// malformed says where a text is no JSON, and nothing of what it holds.
func malformed(err error) error {
	if fault, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return errors.New("no JSON as RFC 7493 permits it, at byte " + strconv.FormatInt(fault.ByteOffset, 10))
	}
	return errors.New("no JSON as RFC 7493 permits it")
}
