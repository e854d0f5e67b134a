"""python -m unittest: the generator repeats itself, and its classes spell its text."""

import unittest

import numpy as np

import grammar
from alphabet import FRAME_COUNT, IGNORED_CLASS, INPUT_HEIGHT, INPUT_WIDTH, greedy_text
from dice import Dice
from evaluate import edit_distance
from generator import Generator


class GeneratorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.generator = Generator()

    def test_same_seed_same_line(self):
        other = Generator()
        for seed in range(50):
            first, second = self.generator.line(Dice(seed)), other.line(Dice(seed))
            np.testing.assert_array_equal(first.grey, second.grey)
            np.testing.assert_array_equal(first.classes, second.classes)
            self.assertEqual(first.text, second.text)

    def test_classes_spell_the_text(self):
        for seed in range(300):
            line = self.generator.line(Dice(seed))
            self.assertEqual(line.grey.shape, (INPUT_HEIGHT, INPUT_WIDTH))
            self.assertEqual(line.classes.shape, (FRAME_COUNT,))
            self.assertGreater(len(line.text), 5)
            known = line.classes[line.classes != IGNORED_CLASS]
            self.assertEqual(greedy_text(known.tolist()), line.text)


class GrammarTest(unittest.TestCase):
    def test_check_digit_of_the_standards_specimen(self):
        self.assertEqual(grammar.check_digit("L898902C3"), "6")
        self.assertEqual(grammar.check_digit("740812"), "2")

    def test_lines_of_a_zone_are_of_one_length(self):
        for seed in range(500):
            lines = grammar.zone(Dice(seed))
            self.assertIn(len(lines[0]), (30, 36, 44))
            self.assertEqual({len(line) for line in lines}, {len(lines[0])})


class EditDistanceTest(unittest.TestCase):
    def test_insertion_deletion_replacement(self):
        self.assertEqual(edit_distance("ABCD", "ABXDE"), 2)
        self.assertEqual(edit_distance("ABC", "BC"), 1)


if __name__ == "__main__":
    unittest.main()
