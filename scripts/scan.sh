#!/usr/bin/env bash
# Looks for known vulnerabilities, dangerous code, secrets and licences. A finding fails; a database that cannot be reached is said and does not.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}

GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.9.0
VULNDB=golang.org/x/vulndb # its newest state that was looked at; where vuln.go.dev answers, that is asked
VULNDB_VERSION=v0.0.0-20261105234957-e22db6528018
GOSEC=github.com/securego/gosec/v2/cmd/gosec@v2.30.0
GITLEAKS=github.com/zricethezav/gitleaks/v8@v8.30.1

faults=()
part() { # name, command…: runs it, says how long it took, and goes on
  local name=$1 started=$SECONDS
  shift
  if "$@"; then echo "$name: nothing found, $((SECONDS - started)) s"; else faults+=("$name"); echo "$name: FAILED after $((SECONDS - started)) s"; fi
}

# vulnerabilities gives the address of a database: the live one, or the pinned one as it lies in Go's module proxy.
vulnerabilities() {
  if [ -n "${GOVULNDB:-}" ]; then echo "$GOVULNDB"; return; fi
  if curl -sfm 5 -o /dev/null https://vuln.go.dev/index/db.json; then echo https://vuln.go.dev; return; fi
  local into=.cache/vulndb/$VULNDB_VERSION
  if [ ! -d "$into" ]; then
    local from
    from=$($go mod download -json "$VULNDB@$VULNDB_VERSION" 2>/dev/null | sed -n 's/.*"Dir": "\(.*\)",/\1/p') && [ -n "$from" ] || return 1
    rm -rf "$into.new" && mkdir -p "$into.new"
    $go run "$VULNDB/cmd/indexdb@$VULNDB_VERSION" -vulns "$from/data/osv" -out "$into.new" >&2 2>/dev/null || return 1
    mv "$into.new" "$into"
  fi
  echo "vuln.go.dev cannot be reached: what was known on ${VULNDB_VERSION:7:8} is looked for" >&2
  echo "file://$PWD/$into"
}

known_vulnerabilities() {
  local database
  if ! database=$(vulnerabilities); then
    echo "NOTICE: no database of vulnerabilities can be had here, neither vuln.go.dev nor $VULNDB; nothing was looked for"
    return 0
  fi
  $go run "$GOVULNCHECK" -db "$database" -show color ./cmd/ekyc
}

dangerous_code() {
  local rules
  rules=$(sed -n '/^[^#]/s/^\([^\t]*\)\t\([^\t]*\)\t.*/\1:\2/p' scripts/gosec.exceptions | paste -sd';')
  $go run "$GOSEC" -quiet -terse -exclude-generated -nosec-require-rules -nosec-require-justification -exclude-rules "$rules" ./...
}

secrets() {
  $go run "$GITLEAKS" git --no-banner --redact --log-level error . &&
    $go run "$GITLEAKS" dir --no-banner --redact --log-level error .
}

licences() { (cd tools/licences && $go run . ../..); }

part "vulnerabilities" known_vulnerabilities
part "code" dangerous_code
part "secrets" secrets
part "licences" licences
if [ ${#faults[@]} -gt 0 ]; then echo "scan: ${faults[*]}"; exit 1; fi
