#!/usr/bin/env bash
# Compares ekyc's faces with dlib's, as the package face_recognition uses it, on a labelled folder (the layout of docs/bench.md):
#   tools/peers/face/run.sh DIR [compare.py options]
# dlib lives in an environment of its own, .cache/peers-face or where PEERS_FACE_ENVIRONMENT says; its weights come with face_recognition_models.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=$(realpath "${1:?usage: tools/peers/face/run.sh DIR [--group lfw] [--ekyc BINARY]}")
shift
environment=${PEERS_FACE_ENVIRONMENT:-.cache/peers-face}
if ! "$environment/bin/python" -c 'import dlib, face_recognition_models, numpy, PIL' 2>/dev/null; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet "$(grep setuptools tools/peers/face/requirements.txt)"
  "$environment/bin/pip" install --quiet --no-build-isolation --requirement tools/peers/face/requirements.txt
fi
exec "$environment/bin/python" -W ignore tools/peers/face/compare.py "$folder" "$@"
