"""Background prints under a zone: guilloche, line grids, blotches of colour and stray print, as relief of deviation 1."""

import cv2
import numpy as np

from alphabet import ALPHABET

HEIGHT, WIDTH = 64, 1600
COUNT = 240
RELIEF_LIMIT = 2.5


class Backgrounds:
    """Prepared reliefs; `crop` cuts one to size at a random place and magnification."""

    def __init__(self, dice):
        draw = [guilloche, line_grid, blotches, stray_print]
        self._reliefs = [normalised(dice.choice(draw)(dice)) for _ in range(COUNT)]

    def crop(self, dice, width, height):
        relief, zoom = dice.choice(self._reliefs), dice.uniform(0.4, 2.0)
        part_width = min(WIDTH, max(40, int(width * zoom)))
        part_height = min(HEIGHT, max(8, int(height * zoom)))
        x, y = dice.integer(0, WIDTH - part_width), dice.integer(0, HEIGHT - part_height)
        part = relief[y : y + part_height, x : x + part_width]
        return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)


def normalised(relief):
    relief = relief - relief.mean()
    return np.clip(relief / (relief.std() + 1e-3), -RELIEF_LIMIT, RELIEF_LIMIT).astype(np.float32)


def coordinates():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return x, y


def guilloche(dice):
    """Families of parallel waves, as banknote engraving has them."""
    x, y = coordinates()
    relief = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(dice.integer(1, 4)):
        wave = y + dice.uniform(2, 18) * np.sin(x * dice.uniform(0.005, 0.05) + dice.uniform(0, 6.3))
        wave += x * dice.uniform(-0.3, 0.3)
        relief += np.abs((wave / dice.uniform(3, 14)) % 1 - 0.5) < dice.uniform(0.06, 0.2)
    return relief


def line_grid(dice):
    x, y = coordinates()
    relief = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(dice.integer(1, 3)):
        angle, frequency = dice.uniform(0, 3.14), dice.uniform(0.1, 1.5)
        relief += np.sin((x * np.cos(angle) + y * np.sin(angle)) * frequency + dice.uniform(0, 6.3))
    return relief


def blotches(dice):
    relief = np.zeros((HEIGHT, WIDTH), np.float32)
    for size in (4, 12, 40):
        coarse = dice.normal_array(HEIGHT // size + 2, WIDTH // size + 2)
        relief += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * dice.uniform(0, 1)
    return relief


def stray_print(dice):
    """Small print and arcs of seals or signatures crossing the zone."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(dice.integer(10, 60)):
        place = (dice.integer(0, WIDTH - 1), dice.integer(0, HEIGHT - 1))
        if dice.chance(0.5):
            text, size = dice.characters(ALPHABET, dice.integer(2, 14)), dice.uniform(0.25, 1.2)
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
        else:
            axes = (dice.integer(5, 119), dice.integer(5, 59))
            cv2.ellipse(picture, place, axes, dice.integer(0, 179), 0, 360, 255, 1, cv2.LINE_AA)
    return picture.astype(np.float32)
