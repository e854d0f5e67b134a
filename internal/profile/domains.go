package profile

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
)

// The lists, with their origins and licences in data/README.md: domains in A-labels, sorted, one a line.
var (
	//go:embed data/disposable.txt.gz
	disposableList []byte
	//go:embed data/free.txt.gz
	freeList []byte
)

var (
	disposableDomains = sync.OnceValue(func() []string { return unpack(disposableList) })
	freeDomains       = sync.OnceValue(func() []string { return unpack(freeList) })
)

func unpack(list []byte) []string {
	r, err := gzip.NewReader(bytes.NewReader(list))
	if err != nil {
		panic("profile: an embedded list is damaged: " + err.Error())
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic("profile: an embedded list is damaged: " + err.Error())
	}
	return strings.Split(string(text), "\n")
}

// isListed looks for a domain and for the domains above it in a sorted list: providers hand out subdomains too. A top-level domain alone
// is never looked for.
func isListed(sorted []string, domain string) bool {
	for strings.Contains(domain, ".") {
		if _, found := slices.BinarySearch(sorted, domain); found {
			return true
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false
}
