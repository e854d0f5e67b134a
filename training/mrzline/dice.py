"""One seeded source of chance, so that a line depends on its seed alone."""

import random

import numpy as np


class Dice:
    """Random numbers for one batch of lines; scalars from `random`, arrays from NumPy, both from one seed."""

    def __init__(self, seed):
        self._scalar = random.Random(seed)
        self._array = np.random.Generator(np.random.PCG64(seed))

    def chance(self, probability):
        return self._scalar.random() < probability

    def uniform(self, low, high):
        return self._scalar.uniform(low, high)

    def integer(self, low, high):
        """Integer of [low, high], both ends included."""
        return self._scalar.randint(low, high)

    def gauss(self, deviation):
        return self._scalar.gauss(0.0, deviation)

    def choice(self, items):
        return self._scalar.choice(items)

    def weighted(self, weights):
        """Key of a {key: weight} mapping."""
        return self._scalar.choices(list(weights), list(weights.values()))[0]

    def characters(self, letters, count):
        return "".join(self._scalar.choices(letters, k=count))

    def normal_array(self, *shape):
        return self._array.standard_normal(shape, dtype=np.float32)

    def uniform_array(self, *shape):
        return self._array.random(shape, dtype=np.float32)
