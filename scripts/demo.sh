#!/usr/bin/env bash
# Makes the two photographs of the sample person (once) and verifies them.
set -euo pipefail
cd "$(dirname "$0")/.."
out=.cache/demo
if [ ! -f "$out/selfie.jpg" ] || [ ! -f "$out/front.jpg" ]; then
  bin/ekyc specimen demo --out "$out" --force
fi
bin/ekyc verify --specimens --selfie "$out/selfie.jpg" --front "$out/front.jpg" --report "$out/report.html"
