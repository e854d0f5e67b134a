package review

import (
	"strconv"

	"ekyc"
	"ekyc/internal/vault"
)

// Sealed are the package's columns under the tenant's key.
func Sealed() []vault.Column {
	return []vault.Column{{Table: "ekyc.review_act", Name: "reviewer", Key: []string{"review_id", "number"}, Object: func(key []string) string {
		number, _ := strconv.Atoi(key[1]) // an integer, by the table
		return reviewerOf(ekyc.ID(key[0]), number)
	}}}
}
