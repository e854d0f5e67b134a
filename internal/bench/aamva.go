package bench

import (
	"context"
	"fmt"
	"path/filepath"

	"ekyc"
	"ekyc/internal/document/barcode"
	"ekyc/internal/vision"
)

// payloadTruth is one payload of aamva/expected.json. Expected is null where nothing is known of the fields.
type payloadTruth struct {
	File        string            `json:"file"`
	Expected    map[string]string `json:"expected"`
	Elements    map[string]string `json:"elements"`
	ValidHeader *bool             `json:"valid_header"`
}

// aamva parses every payload and reads every symbol.
func (b *Bench) aamva(ctx context.Context) (*AAMVAResult, error) {
	var truth struct {
		Payloads []payloadTruth `json:"payloads"`
		Images   []struct {
			File string `json:"file"`
			Text string `json:"text"`
		} `json:"pdf417_images"`
	}
	if err := readJSON(filepath.Join(b.dir, "aamva", "expected.json"), &truth); err != nil {
		return nil, err
	}
	var fields, payloads, barcodes tally
	for _, t := range truth.Payloads {
		data, err := b.read("aamva", t.File)
		if err != nil {
			return nil, err
		}
		wrong := t.compare(data, &fields)
		payloads.add(wrong == "")
		if wrong != "" {
			b.fault("aamva/"+t.File, wrong)
		}
	}
	for _, t := range truth.Images {
		if ctx.Err() != nil {
			return nil, ekyc.Errorf(ekyc.ErrCancelled, "the bench was stopped").Because(ctx.Err())
		}
		data, err := b.read("aamva", t.File)
		if err != nil {
			return nil, err
		}
		read := readsSymbol(data, t.Text)
		barcodes.add(read)
		if !read {
			b.fault("aamva/"+t.File, "the symbol was not read")
		}
	}
	return &AAMVAResult{fields.rate(), payloads.rate(), barcodes.rate()}, nil
}

// compare counts every expected field and says which was wrong first; "" when none was.
func (t payloadTruth) compare(data []byte, fields *tally) string {
	licence, err := barcode.Parse(data)
	if err != nil {
		for range t.Expected {
			fields.add(false)
		}
		return string(ekyc.CodeOf(err))
	}
	wrong := ""
	got := map[string]string{
		"given_name": licence.GivenName, "middle_name": licence.MiddleName, "surname": licence.Surname, "suffix": licence.Suffix,
		"street": licence.Street, "city": licence.City, "jurisdiction": licence.Jurisdiction, "postal_code": licence.PostalCode,
		"document_number": licence.DocumentNumber, "birth_date": licence.BirthDate, "issue_date": licence.IssueDate, "expiry_date": licence.ExpiryDate,
		"sex":           map[string]string{"M": "Male", "F": "Female", "X": "NotSpecified"}[licence.Sex],
		"country":       map[string]string{"USA": "Usa", "CAN": "Canada"}[licence.Country],
		"aamva_version": fmt.Sprintf("Aamva%d", licence.Header.Edition()),
	}
	for name, want := range t.Expected {
		ok := got[name] == want
		fields.add(ok)
		if !ok && wrong == "" {
			wrong = "field " + name + " is wrong"
		}
	}
	if t.Expected != nil {
		return wrong
	}
	for name, want := range t.Elements {
		if licence.Elements[name] != want {
			return "element " + name + " is wrong"
		}
	}
	return wrong
}

func readsSymbol(data []byte, text string) bool {
	picture, err := vision.Decode(data, documentLimits)
	if err != nil {
		return false
	}
	symbols, err := barcode.ReadGray(picture.Native().Gray())
	if err != nil {
		return false
	}
	for _, s := range symbols {
		if s.Text == text {
			return true
		}
	}
	return false
}
