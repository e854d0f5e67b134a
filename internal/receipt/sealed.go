package receipt

import keys "ekyc/internal/keyring" // this package has a keyring of its own

// Sealed are the package's columns under the root key.
func Sealed() []keys.Column {
	return []keys.Column{{Table: "ekyc.receipt_key", Name: "sealed", Key: []string{"id"}, Purpose: func(key []string) string { return purposeOf(key[0]) }}}
}
