#!/usr/bin/env bash
# Compares ekyc with open readers of machine readable zones on a labelled folder (the layout of docs/bench.md):
#   tools/peers/run.sh DIR [compare.py options]
# The readers live in an environment of their own, .cache/peers, and need Debian's tesseract-ocr. FastMRZ is AGPL-3.0: it is run
# here as a separate program to be measured, and nothing of it is linked, shipped or needed by ekyc.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath "${1:?usage: tools/peers/run.sh DIR [--only reader,…] [--ekyc BINARY]}")
shift
command -v tesseract >/dev/null || { echo "Debian's tesseract-ocr is needed: apt-get install tesseract-ocr" >&2; exit 1; }
if [ ! -x .cache/peers/bin/python ]; then
  python3 -m venv .cache/peers
  .cache/peers/bin/pip install --quiet --requirement tools/peers/requirements.txt
fi
exec .cache/peers/bin/python tools/peers/compare.py "$folder" "$@"
