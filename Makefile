# `make demo` and `make test` are all a newcomer needs: both install what is missing.
SHELL := /bin/bash
GO ?= go
BENCH_DATA ?= .cache/bench-data
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
CYCLONEDX := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
VERSITYGW := v1.8.0
LOCALKMS := v0.0.0-20260228092603-2a5e92d09ab6
SOURCES := $(shell find . -name '*.go' -not -path './.cache/*') go.mod go.sum $(wildcard internal/*/data/* internal/capture/page/*.html internal/capture/page/*/* internal/*/*.json internal/*/*.sql internal/*/*/*.sql internal/*/*/*.json internal/*/*/*.onnx internal/*/*/*.cc internal/*/*/*.cpp internal/*/*/*.h internal/*/*/*/*.cpp internal/*/*/*/*.h)

# Go without the faults that are known of it: go.mod names that version. Where it cannot be had the machine's own is taken, and `make scan` says what is wrong with it.
export GOTOOLCHAIN := $(shell GOTOOLCHAIN=auto $(GO) version >/dev/null 2>&1 && echo auto || echo local)

# One set of flags for everything that is compiled, so that the program, its tests and the tools share what is compiled once.
export GOFLAGS := -trimpath $(GOFLAGS)

.DEFAULT_GOAL := help

.PHONY: help models setup build test lint scan sbom generate demo run bench load fuzz soak clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

models: bin/ekyc ## install system libraries and models that are missing
	@bin/ekyc models pull

setup: models .cache/bin/.versitygw-$(VERSITYGW) .cache/bin/.local-kms-$(LOCALKMS) ## the same, and the servers that only tests need

.cache/packages: scripts/install-packages.sh
	@scripts/install-packages.sh
	@mkdir -p .cache && touch $@

# The stand-in for AWS KMS of the tests.
.cache/bin/.local-kms-%:
	@mkdir -p .cache/bin
	GOBIN=$(CURDIR)/.cache/bin $(GO) install -ldflags='-s -w' github.com/nsmithuk/local-kms@$*
	@touch $@

# The S3 server of the tests.
.cache/bin/.versitygw-%:
	@mkdir -p .cache/bin
	GOBIN=$(CURDIR)/.cache/bin $(GO) install -ldflags='-s -w' github.com/versity/versitygw/cmd/versitygw@$*
	@touch $@

bin/ekyc: .cache/packages $(SOURCES)
	@mkdir -p bin
	$(GO) build -o bin/ekyc ./cmd/ekyc

build: bin/ekyc ## compile bin/ekyc

test: setup ## all tests, with the real models and libraries
	$(GO) vet ./...
	EKYC_TEST_BINARY=$(CURDIR)/bin/ekyc $(GO) test -timeout 25m ./...

lint: .cache/packages ## formatting, vet and static analysis
	@files=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "not formatted: $$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

scan: build ## known vulnerabilities, dangerous code, secrets in tree and history, licences
	@GO="$(GO)" scripts/scan.sh

sbom: build ## bill of materials in CycloneDX, models and native libraries among it: bin/ekyc.cdx.json
	$(GO) run $(CYCLONEDX) bin -json -std -licenses -output bin/ekyc.cdx.json bin/ekyc
	@cd tools/licences && $(GO) run . -sbom $(CURDIR)/bin/ekyc.cdx.json ../..

generate: ## regenerate everything that is derived from sources
	$(GO) generate ./...
	gofmt -l -w $$(git ls-files '*.go')

demo: models ## start the service, verify a sample person through the signed API, print answer and webhook, stop
	@scripts/demo.sh

bench: models ## accuracy and speed on generated data, or on BENCH_DATA=folder
	@scripts/bench.sh $(BENCH_DATA)

load: setup ## speed of the service: edge, limits, jobs, webhooks, latencies under load
	$(GO) test -count=1 -tags load -run TestLoad -timeout 30m -v ./internal/e2e/load

fuzz: setup ## every fuzz target for a minute
	@scripts/fuzz.sh 60s

soak: setup ## memory and answers over thousands of verifications; fifty kills; a backlog of ten thousand
	$(GO) test -count=1 -tags soak -run TestSoak -timeout 2h -v ./internal/engine
	$(GO) test -count=1 -tags soak -timeout 2h -v ./internal/e2e/fault
	$(GO) test -run xxx -bench HundredThousand -benchtime 50x ./internal/erasure

run: models ## the whole service on this machine; make run ARGS='verify --help' for another command
	@bin/ekyc $(or $(ARGS),up)

clean: ## remove what was built, not the models
	rm -rf bin .cache
