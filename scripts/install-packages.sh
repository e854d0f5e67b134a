#!/usr/bin/env bash
# Installs the Debian packages that building and running need, and nothing when they are there.
set -euo pipefail

packages=(
  gcc g++ pkg-config
  libturbojpeg0-dev   # JPEG
  libzxing-dev        # bar codes
  libtesseract-dev    # print in the scripts that follow
  postgresql          # the private database; only the server's programs are used
  chromium            # tests of the capture page
  clamav-daemon       # tests of the gate; only the program is used, with signatures of their own
  tesseract-ocr-script-cyrl tesseract-ocr-script-arab tesseract-ocr-script-deva tesseract-ocr-script-grek
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

run=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "these packages are missing and need root to install: ${missing[*]}" >&2; exit 1; }
  run=(sudo)
fi
echo "installing ${missing[*]}"
"${run[@]}" apt-get update -qq
scanner=$(dpkg-query -W -f='${Status}' clamav-daemon 2>/dev/null || true)
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
# A scanner that only tests use need not run, nor fetch signatures. One that was here before is left as it is.
if [[ $scanner != *"ok installed" ]] && [ -d /run/systemd/system ]; then
  "${run[@]}" systemctl disable --now --quiet clamav-daemon.service clamav-daemon.socket clamav-freshclam.service
fi
