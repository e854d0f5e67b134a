"""Generated photographs of single lines of machine-readable zones, with the class of every frame.

Each step imitates one thing that happens between the printed card and the network's input:

  zone text        grammar.py: any issuer, and a seventh of texts without grammar
  print            glyphs.py: OCR-B of many weights, some other typefaces, uneven ink, pale fillers, dropouts
  neighbours       the lines above and below, an underline or frame, as a loose crop contains them
  crop             margins too wide or cutting characters off, height, shift, rotation, perspective, shear, bent paper
  camera           6 to 30 pixels a character (down to documents 270 pixels wide), blur, sharpening, noise, JPEG
  surface          guilloche and stray print, uneven light, glare, scratches and stamps
  pipeline         documents enlarged before the crop, crops resampled to another height, the final 32x736

The crop's geometry matters most: what lies before the network decides how its input looks.
"""

from dataclasses import dataclass

import cv2
import numpy as np

import grammar
from alphabet import (
    BLANK_CLASS, CLASS_OF, FILLER, FRAME_COUNT, FRAME_WIDTH, IGNORED_CLASS, INPUT_HEIGHT, INPUT_WIDTH,
)
from backgrounds import Backgrounds
from dice import Dice
from glyphs import CELL_HEIGHT, CELL_WIDTH, NOMINAL_CAPITAL, PITCH, GlyphStyles

MATERIAL_SEED = 1  # glyph styles and backgrounds are the same in every run
CANVAS_HEIGHT = 320
CANVAS_MARGIN = 2 * PITCH
BASELINE = CANVAS_HEIGHT // 2  # middle of the line's capitals

# A frame belongs to a glyph within this part of the pitch around the glyph's middle; up to the second, it is ignored.
GLYPH_REACH, GLYPH_DOUBT = 0.24, 0.38
# A character cut by the crop's edge is still text while its middle lies this part of the pitch inside.
VISIBLE_REACH = 0.2


@dataclass
class Line:
    """One example: 32x736 grey, 184 classes (0 blank, -1 ignored), the text that shows, and the camera's pixels a
    character."""

    grey: np.ndarray
    classes: np.ndarray
    text: str
    pitch: float


@dataclass
class Crop:
    """A line as the camera saw it, before light: ink mask 0..1 and the x of each glyph's middle, in its own pixels."""

    ink: np.ndarray
    centres: np.ndarray
    pitch: float

    @property
    def height(self):
        return self.ink.shape[0]

    @property
    def width(self):
        return self.ink.shape[1]


@dataclass
class Photograph:
    """A finished crop: grey of any size, the printed text, the x of each glyph's middle once resized for the network, and
    the pixels a character had when it was taken."""

    grey: np.ndarray
    text: str
    centres: np.ndarray
    pitch: float


class Generator:
    """Makes lines; the same dice give the same line."""

    def __init__(self, font_folder="/usr/share/fonts"):
        cv2.setNumThreads(1)
        dice = Dice(MATERIAL_SEED)
        self._styles = GlyphStyles(dice, font_folder)
        self._backgrounds = Backgrounds(dice)

    def line(self, dice, difficulty=1.0):
        """A line; difficulty 0..1 scales background strength and how often something covers the print."""
        photograph = self.photograph(dice, difficulty)
        grey = network_input(photograph.grey)
        if dice.chance(0.03):
            grey = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
        return labelled(grey, photograph)

    def photograph(self, dice, difficulty=1.0):
        """A line's crop at its own size."""
        lines = grammar.zone(dice)
        index = dice.integer(0, len(lines) - 1)
        lines, index = without_ends(dice, lines, index)
        canvas, centres = printed(dice, self._styles.pick(dice), lines, index)
        crop = photographed(dice, canvas, centres)
        if dice.chance(0.2):
            bend(dice, crop)
        wear_print(dice, crop, lines[index])
        grey = self._lit(dice, crop, difficulty)
        if dice.chance(0.16 * difficulty):
            grey = covered(dice, grey, crop.pitch)
        if dice.chance(0.12):
            grey = glare(dice, grey, crop.pitch)
        grey = resampled(dice, captured(dice, grey, crop.pitch))
        return Photograph(grey, lines[index], crop.centres * (INPUT_WIDTH / crop.width), crop.pitch)

    def _lit(self, dice, crop, difficulty):
        """Paper and ink tones, background print and uneven light."""
        paper, ink = dice.uniform(110, 250), dice.uniform(0, 90)
        if dice.chance(0.12):
            ink = paper - dice.uniform(28, 65)
        ink = min(ink, paper - 28)
        tones = np.full((crop.height, crop.width), paper, np.float32)
        if dice.chance(0.7):
            relief = self._backgrounds.crop(dice, crop.width, crop.height)
            tones += relief * ((paper - ink) * dice.uniform(0.02, 0.17) * difficulty)
        if dice.chance(0.6):
            light = cv2.resize(
                dice.normal_array(2, dice.integer(2, 8)), (crop.width, crop.height), interpolation=cv2.INTER_CUBIC
            )
            tones *= 1 + np.clip(light, -2, 2) * dice.uniform(0.02, 0.18)
        return tones * (1 - crop.ink) + np.float32(ink) * crop.ink


def without_ends(dice, lines, index):
    """A tenth of the lines loses characters: a row finder stops at a gap or at pale fillers."""
    if not dice.chance(0.10):
        return lines, index
    text = lines[index]
    first, last = dice.integer(0, 6), len(text) - dice.integer(0, 12)
    return [text[first:last]], 0


def printed(dice, style, lines, index):
    """Ink canvas of the line and its neighbours, and the x of each of the line's glyph middles."""
    text = lines[index]
    canvas = np.zeros((CANVAS_HEIGHT, len(text) * PITCH + 2 * CANVAS_MARGIN), np.uint8)
    jitter_x = dice.uniform(0, 1.5) if dice.chance(0.3) else 0.0
    jitter_y = dice.uniform(0, 2.0) if dice.chance(0.3) else 0.0
    centres = np.empty(len(text), np.float32)
    for i, character in enumerate(text):
        centres[i] = CANVAS_MARGIN + i * PITCH + PITCH // 2 + round(dice.gauss(jitter_x))
        stamp(canvas, style[character], int(centres[i]), BASELINE + round(dice.gauss(jitter_y)))
    if len(lines) > 1 and dice.chance(0.5):
        print_neighbours(dice, canvas, style, lines, index)
    if dice.chance(0.06):
        y = BASELINE + dice.choice([-1, 1]) * dice.integer(22, 40)
        end = (canvas.shape[1], y + dice.integer(-6, 6))
        cv2.line(canvas, (0, y), end, dice.integer(80, 255), dice.integer(1, 4))
    return canvas, centres


def print_neighbours(dice, canvas, style, lines, index):
    """The zone's other lines, at spacings around the standard's, shifted a little sideways."""
    spacing = int(PITCH * dice.uniform(1.75, 2.7))
    for other, text in enumerate(lines):
        y, shift = BASELINE + (other - index) * spacing, dice.integer(-6, 6)
        if other == index or not CELL_HEIGHT <= y <= CANVAS_HEIGHT - CELL_HEIGHT:
            continue
        for i, character in enumerate(text[: len(lines[index])]):
            stamp(canvas, style[character], CANVAS_MARGIN + i * PITCH + PITCH // 2 + shift, y)


def stamp(canvas, mask, x, y):
    left, top = x - CELL_WIDTH // 2, y - CELL_HEIGHT // 2
    target = canvas[top : top + CELL_HEIGHT, left : left + CELL_WIDTH]
    np.maximum(target, mask, out=target)


def margins(dice):
    """Canvas pixels of empty margin left and right; negative where the crop cuts characters off."""
    kind = dice.weighted({"close": 84, "wide": 9, "cut": 7})
    if kind == "close":
        return dice.uniform(-0.25, 1.2) * PITCH
    return (dice.uniform(1.2, 5) if kind == "wide" else dice.uniform(-2.5, -0.25)) * PITCH


def crop_corners(dice, length):
    """The quadrilateral of the canvas that becomes the crop, clockwise from top left, and its middle height."""
    left, right = CANVAS_MARGIN - margins(dice), CANVAS_MARGIN + length * PITCH + margins(dice)
    tightness = dice.weighted({"usual": 88, "loose": 8, "cutting": 4})
    low, high = {"usual": (1.15, 2.3), "loose": (2.3, 3.2), "cutting": (0.9, 1.15)}[tightness]
    half = NOMINAL_CAPITAL * dice.uniform(low, high) / 2
    shift = dice.uniform(-0.16, 0.16) * half * 2
    drift = dice.gauss(0.10) * half * 2 if dice.chance(0.6) else 0.0
    if dice.chance(0.10):  # up to 3 degrees; a row's bounding box grows with it
        drift = np.tan(np.radians(dice.uniform(-3, 3))) * (right - left)
        half = min(half + abs(drift) / 2 * dice.uniform(0.5, 1), BASELINE * 0.8)
    growth = dice.gauss(0.05)
    shear = dice.uniform(-0.25, 0.25) * half if dice.chance(0.4) else 0.0
    start, end = BASELINE + shift - drift / 2, BASELINE + shift + drift / 2
    corners = np.float32([
        [left + shear, start - half * (1 + growth)],
        [right + shear, end - half * (1 - growth)],
        [right - shear, end + half * (1 - growth)],
        [left - shear, start + half * (1 + growth)],
    ])
    return corners, 2 * half


def photographed(dice, canvas, centres):
    """The crop at the camera's resolution, in perspective."""
    corners, canvas_height = crop_corners(dice, len(centres))
    canvas_width = float(corners[1, 0] - corners[0, 0])
    # 5 to 7.5 pixels a character is a document 270 pixels wide.
    low, high = dice.weighted({(5, 7.5): 15, (6, 10): 25, (8, 16): 30, (14, 30): 30})
    pitch = dice.uniform(low, high)
    width = int(np.clip(canvas_width / PITCH * pitch, 130, 1400))
    height = int(max(7, canvas_height / PITCH * pitch))
    frame = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    matrix = cv2.getPerspectiveTransform(corners, frame)
    if dice.chance(0.3):  # foreshortening along the line
        bend_x = dice.uniform(-0.04, 0.04)
        matrix = np.array([[1 + bend_x, 0, 0], [0, 1, 0], [bend_x / width, 0, 1]]) @ matrix
    reduction = int(PITCH // pitch)
    source = cv2.blur(canvas, (reduction, reduction)) if reduction >= 2 else canvas
    ink = cv2.warpPerspective(source, matrix, (width, height), flags=cv2.INTER_LINEAR)
    points = np.stack([centres, np.full_like(centres, BASELINE)], 1)[None]
    centres = cv2.perspectiveTransform(points, matrix)[0, :, 0]
    return Crop(ink.astype(np.float32) / 255, centres, pitch)


def bend(dice, crop):
    """Curved pages: columns move up or down along a wave."""
    x = np.arange(crop.width, dtype=np.float32)
    shift = dice.uniform(-0.12, 0.12) * crop.height
    wave = shift * np.sin(x / crop.width * np.pi * dice.uniform(0.5, 1.5) + dice.uniform(0, np.pi))
    map_x = np.ascontiguousarray(np.broadcast_to(x, (crop.height, crop.width)))
    map_y = (np.arange(crop.height, dtype=np.float32)[:, None] + wave[None, :]).astype(np.float32)
    crop.ink = cv2.remap(crop.ink, map_x, map_y, cv2.INTER_LINEAR)


def wear_print(dice, crop, text):
    """Uneven ink, fillers printed or worn pale, an end that fades, dropouts of the printer."""
    if dice.chance(0.3):
        wear = cv2.resize(dice.uniform_array(2, dice.integer(3, 24)), (crop.width, crop.height))
        crop.ink *= 1 - np.clip(wear, 0, 1) * dice.uniform(0.1, 0.6)
    if dice.chance(0.10):
        pale_fillers(dice, crop, text)
    if dice.chance(0.05):
        ramp = np.linspace(1, dice.uniform(0.15, 0.6), crop.width, dtype=np.float32)
        crop.ink *= ramp if dice.chance(0.7) else ramp[::-1]
    if dice.chance(0.12):
        crop.ink *= dice.uniform_array(crop.height, crop.width) > dice.uniform(0.05, 0.3)


def pale_fillers(dice, crop, text):
    """Security print often leaves fillers a fraction of the letters' contrast."""
    strength, half = dice.uniform(0.2, 0.7), crop.width / max(1, len(text)) / 2
    for character, centre in zip(text, crop.centres):
        if character == FILLER:
            first, last = int(max(0, centre - half)), int(max(0, centre + half))
            crop.ink[:, first:last] *= strength


def covered(dice, grey, pitch):
    """Spots, scratches and stamps that cover part of the print."""
    height, width = grey.shape
    for _ in range(dice.integer(1, 3)):
        place, mask = (dice.integer(0, width), dice.integer(0, height)), np.zeros((height, width), np.uint8)
        if dice.chance(0.5):
            axes = (max(1, int(dice.uniform(0.2, 1.3) * pitch)), max(1, int(dice.uniform(0.2, 1.2) * height)))
            cv2.ellipse(mask, place, axes, dice.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
        else:
            end = (place[0] + dice.integer(-3 * height, 3 * height), dice.integer(0, height))
            cv2.line(mask, place, end, 255, max(1, int(dice.uniform(0.04, 0.3) * pitch)), cv2.LINE_AA)
        opacity = mask.astype(np.float32) * (dice.uniform(0.3, 1) / 255)
        grey = grey * (1 - opacity) + opacity * dice.uniform(0, 255)
    return grey


def glare(dice, grey, pitch):
    """A soft bright band."""
    x = np.arange(grey.shape[1], dtype=np.float32)
    distance = (x - dice.uniform(0, grey.shape[1])) / (dice.uniform(0.5, 5) * pitch)
    opacity = np.exp(-distance * distance) * dice.uniform(0.2, 0.8)
    return (grey * (1 - opacity) + 245 * opacity).astype(np.float32)


def captured(dice, grey, pitch):
    """Defocus or motion, the camera's sharpening, noise and JPEG."""
    blur = dice.weighted({"defocus": 55, "motion": 13, "none": 32})
    if blur == "defocus":
        grey = cv2.GaussianBlur(grey, (0, 0), dice.uniform(0.2, 0.2 + 0.1 * pitch))
    elif blur == "motion":
        grey = motion_blurred(dice, grey, pitch)
    if dice.chance(0.12):
        grey = grey + dice.uniform(0.3, 1.5) * (grey - cv2.GaussianBlur(grey, (0, 0), 1.2))
    if dice.chance(0.75):
        grey = grey + dice.normal_array(*grey.shape) * dice.uniform(0.5, 5 if dice.chance(0.7) else 16)
    grey = np.clip(grey, 0, 255).astype(np.uint8)
    return compressed(dice, grey) if dice.chance(0.65) else grey


def motion_blurred(dice, grey, pitch):
    length = dice.integer(2, max(2, int(pitch * 0.22) + 1))
    kernel = np.zeros((length, length), np.float32)
    if dice.chance(0.5):
        kernel[length // 2, :] = 1
    else:
        np.fill_diagonal(kernel, 1)
    return cv2.filter2D(grey, -1, kernel / kernel.sum())


def compressed(dice, grey):
    """JPEG with its blocks anywhere relative to the line."""
    height, width = grey.shape
    offset, quality = dice.integer(0, 7), dice.integer(20, 95)
    padded = cv2.copyMakeBorder(grey, offset, 8, offset, 8, cv2.BORDER_REPLICATE)
    padded = cv2.imdecode(cv2.imencode(".jpg", padded, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
    return padded[offset : offset + height, offset : offset + width]


def resampled(dice, grey):
    """What happens between photograph and crop: small documents enlarged, then crops brought to a common height."""
    methods = [cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_CUBIC]
    height, width = grey.shape
    if width < 600 and dice.chance(0.5):
        zoom = dice.uniform(1.3, 4)
        grey = cv2.resize(grey, (int(width * zoom), int(height * zoom)), interpolation=dice.choice(methods))
    height, width = grey.shape
    if dice.chance(0.5) and height != 48:
        grey = cv2.resize(grey, (max(16, width * 48 // height), 48), interpolation=dice.choice(methods))
    return grey


def network_input(grey):
    """Any grey line crop as the network takes it: 32x736, aspect not kept; area averages where it shrinks."""
    height, width = grey.shape
    shrinks = height > INPUT_HEIGHT and width >= INPUT_WIDTH
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(grey, (INPUT_WIDTH, INPUT_HEIGHT), interpolation=method)


def labelled(grey, photograph):
    """Classes of the frames from the glyphs' middles, and the text that shows in the crop."""
    centres = photograph.centres
    gap = float(np.diff(centres).mean())
    frames = (np.arange(FRAME_COUNT) + 0.5) * FRAME_WIDTH
    distances = np.abs(frames[:, None] - centres[None, :]) / gap
    nearest = distances.argmin(1)
    distance = distances[np.arange(FRAME_COUNT), nearest]
    visible = (centres > VISIBLE_REACH * gap) & (centres < INPUT_WIDTH - VISIBLE_REACH * gap)
    of_glyph = np.array([CLASS_OF[character] for character in photograph.text])[nearest]
    classes = np.full(FRAME_COUNT, BLANK_CLASS, np.int64)
    classes[distance < GLYPH_DOUBT] = IGNORED_CLASS
    certain = (distance < GLYPH_REACH) & visible[nearest]
    classes[certain] = of_glyph[certain]
    between = ((centres[1:] + centres[:-1]) / 2 / FRAME_WIDTH).astype(int)
    classes[between[(between >= 0) & (between < FRAME_COUNT)]] = BLANK_CLASS  # so that repeated glyphs stay apart
    shown = "".join(character for character, seen in zip(photograph.text, visible) if seen)
    return Line(grey, classes, shown, photograph.pitch)
