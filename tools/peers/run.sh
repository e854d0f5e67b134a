#!/usr/bin/env bash
# Compares ekyc with open readers of machine readable zones on a labelled folder (the layout of docs/bench.md):
#   tools/peers/run.sh DIR [compare.py options]
# The readers live in an environment of their own, .cache/peers or where PEERS_ENVIRONMENT says, and need Debian's tesseract-ocr. FastMRZ is AGPL-3.0: it is run
# here as a separate program to be measured, and nothing of it is linked, shipped or needed by ekyc.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath "${1:?usage: tools/peers/run.sh DIR [--only reader,…] [--ekyc BINARY]}")
shift
command -v tesseract >/dev/null || { echo "Debian's tesseract-ocr is needed: apt-get install tesseract-ocr" >&2; exit 1; }
environment=${PEERS_ENVIRONMENT:-.cache/peers}
if ! "$environment/bin/python" -c 'import fastmrz, passporteye, rapidocr' 2>/dev/null; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --requirement tools/peers/requirements.txt
fi
exec "$environment/bin/python" tools/peers/compare.py "$folder" "$@"
