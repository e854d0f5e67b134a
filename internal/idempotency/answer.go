package idempotency

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"ekyc"
)

// Answer is an HTTP answer to be remembered.
type Answer struct {
	Status  int
	Header  map[string]string
	Body    []byte
	Subject ekyc.ID // whose personal data it holds: it is sealed under that key and goes with it; "" for the tenant's own key
	Keep    bool    // false (store: false): only that the request was executed is remembered, and none of the fields above
}

// answerHead is what stands before the body of a remembered answer, as JSON of that length; the body follows as it is.
type answerHead struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
}

const headLength = 4 // bytes of the head's length, big-endian

func (a Answer) encode() ([]byte, error) {
	head, err := json.Marshal(answerHead{a.Status, a.Header})
	if err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	b := make([]byte, 0, headLength+len(head)+len(a.Body))
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)))
	return append(append(b, head...), a.Body...), nil
}

func decodeAnswer(subject ekyc.ID, b []byte) (*Answer, error) {
	malformed := errors.New("a remembered answer is malformed")
	if len(b) < headLength {
		return nil, malformed
	}
	length := int(binary.BigEndian.Uint32(b))
	if b = b[headLength:]; length > len(b) {
		return nil, malformed
	}
	var head answerHead
	if err := json.Unmarshal(b[:length], &head); err != nil {
		return nil, malformed
	}
	return &Answer{Status: head.Status, Header: head.Header, Body: b[length:], Subject: subject, Keep: true}, nil
}
