#!/usr/bin/env bash
# Accuracy and speed on a labelled folder; without one, on generated documents whose seed nothing was tuned to.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:-.cache/bench-data}
if [ ! -d "$data" ]; then
  bin/ekyc specimen --out "$data/documents" --seed 20260101 --count 60 --form photo --labels
fi
bin/ekyc bench "$data" --json .cache/bench.json
go test -run '^$' -bench . -benchtime 20x ./internal/vision ./internal/decision ./internal/document/... ./internal/face/...
