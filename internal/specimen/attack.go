package specimen

// Forgery is what was done to a document or its picture, part of the truth.
type Forgery struct {
	Kind   string `json:"kind"`
	Field  string `json:"field,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}
