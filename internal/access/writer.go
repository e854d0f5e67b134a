package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// writer writes a JSON object member by member, and lists entry by entry.
type writer struct {
	w       io.Writer
	members int
}

func (d *writer) raw(text string) error {
	if _, err := io.WriteString(d.w, text); err != nil {
		return fmt.Errorf("write a document: %w", err)
	}
	return nil
}

func (d *writer) value(v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // records and receipts are hashed and signed byte for byte
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write a document: %w", err)
	}
	if _, err := d.w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n"))); err != nil {
		return fmt.Errorf("write a document: %w", err)
	}
	return nil
}

func (d *writer) name(name string) error {
	before := ",\n"
	if d.members == 0 {
		before = "{\n"
	}
	d.members++
	return d.raw(before + `"` + name + `":`)
}

// member writes a member whole.
func (d *writer) member(name string, v any) error {
	if err := d.name(name); err != nil {
		return err
	}
	return d.value(v)
}

// list writes a member that is a list; entries gives them to add one by one.
func (d *writer) list(name string, entries func(add func(v any) error) error) error {
	if err := d.name(name); err != nil {
		return err
	}
	if err := d.raw("["); err != nil {
		return err
	}
	before := "\n"
	err := entries(func(v any) error {
		if err := d.raw(before); err != nil {
			return err
		}
		before = ",\n"
		return d.value(v)
	})
	if err != nil {
		return err
	}
	return d.raw("]")
}

func (d *writer) end() error { return d.raw("\n}\n") }
