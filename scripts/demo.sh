#!/usr/bin/env bash
# Starts the service on a database of its own, verifies the sample person through the signed API, receives the webhook, and stops it.
set -euo pipefail
cd "$(dirname "$0")/.."
out=.cache/demo
if [ ! -f "$out/selfie.jpg" ] || [ ! -f "$out/front.jpg" ]; then
  bin/ekyc specimen demo --out "$out" --force
fi
rm -f "$out/up.json"
bin/ekyc up --data-dir "$out/data" --bootstrap-file "$out/up.json" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  --log-level warn >"$out/up.log" 2>&1 &
service=$!
trap 'kill "$service" 2>/dev/null; wait "$service" 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  [ -f "$out/up.json" ] && break
  kill -0 "$service" 2>/dev/null || { cat "$out/up.log" >&2; exit 1; }
  sleep 0.1
done
python3 examples/python/verify.py "$out/up.json" "$out/selfie.jpg" "$out/front.jpg"
