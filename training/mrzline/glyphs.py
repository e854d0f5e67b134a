"""Glyph styles: every character of the alphabet as an ink mask, in many widths, weights and typefaces."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from alphabet import ALPHABET, FILLER

PITCH = 32  # canvas pixels from one character to the next
CELL_HEIGHT, CELL_WIDTH = 56, 44
NOMINAL_CAPITAL = 30  # OCR-B size 1: 2.4 mm capitals at 2.54 mm pitch
SUPERSAMPLING = 4
FONT_SIZE = 200

# Debian packages: fonts-ocr-b, fonts-ocr-a, fonts-dejavu-core, fonts-liberation, fonts-courier-prime,
# fonts-freefont-ttf, fonts-inconsolata, fonts-noto-mono.
OCR_B = ["opentype/ocr-b/OCRB.otf", "opentype/ocr-b/OCRBS.otf"]
OTHER_TYPEFACES = [
    "truetype/ocr-a/OCRA.ttf",
    "truetype/dejavu/DejaVuSansMono.ttf",
    "truetype/dejavu/DejaVuSansMono-Bold.ttf",
    "truetype/liberation/LiberationMono-Regular.ttf",
    "truetype/liberation/LiberationMono-Bold.ttf",
    "opentype/courier-prime/Courier Prime.otf",
    "opentype/courier-prime/Courier Prime Bold.otf",
    "opentype/courier-prime/Courier Prime Sans.otf",
    "truetype/freefont/FreeMonoBold.ttf",
    "truetype/inconsolata/Inconsolata.otf",
    "truetype/noto/NotoMono-Regular.ttf",
]
STYLES_OF_AN_OCR_B_FONT = 24
STYLES_OF_ANOTHER_FONT = 4
OTHER_TYPEFACE_SHARE = 0.13  # zones printed in something else than OCR-B are rare but exist
DRAWN_CHEVRON_SHARE = 0.25


class GlyphStyles:
    """The prepared styles; `pick` gives one as {character: ink mask 56x44, 0..255}."""

    def __init__(self, dice, font_folder):
        self._ocr_b = [
            style(dice, f"{font_folder}/{name}", keeps_proportions=True)
            for name in OCR_B
            for _ in range(STYLES_OF_AN_OCR_B_FONT)
        ]
        self._others = [
            style(dice, f"{font_folder}/{name}", keeps_proportions=False)
            for name in OTHER_TYPEFACES
            for _ in range(STYLES_OF_ANOTHER_FONT)
        ]

    def pick(self, dice):
        return dice.choice(self._others if dice.chance(OTHER_TYPEFACE_SHARE) else self._ocr_b)


def style(dice, path, keeps_proportions):
    """One typeface at a random capital height, width, stroke weight and edge softness."""
    font = ImageFont.truetype(path, FONT_SIZE)
    _, top, _, bottom = font.getbbox("H")
    scale = dice.uniform(0.8, 1.2) * NOMINAL_CAPITAL * SUPERSAMPLING / (bottom - top)
    if keeps_proportions:
        stretch = dice.uniform(0.85, 1.15)
    else:
        stretch = dice.uniform(0.8, 1.02) * PITCH * SUPERSAMPLING / (font.getlength("H") * scale)
    weight = round(dice.uniform(-2.6, 3.6))
    soft = dice.chance(0.3)
    glyphs = {}
    for character in ALPHABET:
        mask = glyph_mask(font, character, scale, stretch, (top + bottom) / 2)
        glyphs[character] = finished(mask, weight, soft)
    if dice.chance(DRAWN_CHEVRON_SHARE):
        glyphs[FILLER] = finished(drawn_chevron(dice), weight, soft)
    return glyphs


def glyph_mask(font, character, scale, stretch, middle):
    """The glyph centred on its advance and on the capitals' middle, in a supersampled cell."""
    origin = FONT_SIZE * 0.6
    picture = Image.new("L", (FONT_SIZE * 2, FONT_SIZE * 5 // 2), 0)
    ImageDraw.Draw(picture).text((origin, origin), character, font=font, fill=255)
    centre_x, centre_y = origin + font.getlength(character) / 2, origin + middle
    width, height = CELL_WIDTH * SUPERSAMPLING, CELL_HEIGHT * SUPERSAMPLING
    matrix = np.float32([
        [scale * stretch, 0, width / 2 - centre_x * scale * stretch],
        [0, scale, height / 2 - centre_y * scale],
    ])
    return cv2.warpAffine(np.asarray(picture), matrix, (width, height), flags=cv2.INTER_AREA)


def drawn_chevron(dice):
    """A filler of another shape: issuers' fillers differ in angle, size and height more than letters do."""
    width, height = CELL_WIDTH * SUPERSAMPLING, CELL_HEIGHT * SUPERSAMPLING
    half_width = dice.uniform(0.22, 0.4) * PITCH * SUPERSAMPLING
    half_height = dice.uniform(0.22, 0.5) * NOMINAL_CAPITAL * SUPERSAMPLING
    x, y = width / 2, height / 2 + dice.uniform(-0.08, 0.12) * height
    points = np.int32([
        [x + half_width, y - half_height],
        [x - half_width, y],
        [x + half_width, y + half_height],
    ])
    mask = np.zeros((height, width), np.uint8)
    cv2.polylines(mask, [points], False, 255, round(dice.uniform(2.0, 4.5) * SUPERSAMPLING), cv2.LINE_AA)
    return mask


def finished(mask, weight, soft):
    """Stroke made thicker (weight > 0) or thinner by supersampled pixels, edges softened, reduced to the cell."""
    if weight:
        size = 2 * abs(weight) + 1
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        mask = cv2.dilate(mask, brush) if weight > 0 else cv2.erode(mask, brush)
    if soft:
        mask = cv2.GaussianBlur(mask, (0, 0), SUPERSAMPLING * 0.6)
    return cv2.resize(mask, (CELL_WIDTH, CELL_HEIGHT), interpolation=cv2.INTER_AREA)
