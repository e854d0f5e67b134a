#!/usr/bin/env bash
# Draws the lines of lines.txt, which need a shaper that Go does not have, with Pango. Debian packages: pango1.0-tools, imagemagick,
# fonts-dejavu-core, fonts-freefont-ttf, fonts-hosny-amiri, fonts-lohit-deva, fonts-noto-core.
set -euo pipefail
cd "$(dirname "$0")"
while IFS='|' read -r file script font text; do
  pango-view --no-display --font="$font 24" --dpi=96 --margin=8 --text="$text" --output="$file"
  convert "$file" -colorspace Gray -depth 8 -strip "$file"
done <lines.txt
