"""Measures an exported model, greedy and without grammar: python evaluate.py --model line.onnx [--labels lines.json].

Without --labels, on generated lines that no training seed produces. With it, on photographed or scanned lines: a JSON
list of {"file", "text"}, files relative to the list. Such lines are for measuring only, never for choosing weights.
"""

import argparse
import json
import pathlib
import time

import cv2
import numpy as np
import onnxruntime

from alphabet import greedy_text
from dice import Dice
from generator import Generator, network_input

EVALUATION_SEED = 9_000_000_011  # apart from the training's and the validation's
PITCH_GROUPS = [  # upper limits in camera pixels a character
    ("under 8 pixels a character", 8),
    ("8 to 12 pixels", 12),
    ("12 to 30 pixels", np.inf),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--labels", help="JSON list of line images with their text")
    parser.add_argument("--lines", type=int, default=1000, help="number of generated lines")
    parser.add_argument("--fonts", default="/usr/share/fonts")
    parser.add_argument("--show", action="store_true", help="print the lines that were misread")
    options = parser.parse_args()
    reader = Reader(options.model)
    if options.labels:
        groups = {"labelled lines": labelled_lines(options.labels)}
    else:
        groups = generated_lines(options.fonts, options.lines)
    for name, lines in groups.items():
        results = [(text, *reader.read(grey)) for grey, text in lines]
        if options.show:
            show_misread(results)
        report(name, results)


class Reader:
    """The exported model on one thread."""

    def __init__(self, path):
        threads = onnxruntime.SessionOptions()
        threads.intra_op_num_threads = threads.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, threads, providers=["CPUExecutionProvider"])

    def read(self, grey):
        """Greedy text and seconds of one line, 32x736."""
        pixels = grey[None, None].astype(np.float32)
        started = time.perf_counter()
        [log_probabilities] = self._session.run(["lp"], {"x": pixels})
        return greedy_text(log_probabilities[0].argmax(1).tolist()), time.perf_counter() - started


def generated_lines(fonts, count):
    """{group by the camera's resolution: [(grey, text)]}"""
    generator, groups = Generator(fonts), {name: [] for name, _ in PITCH_GROUPS}
    for i in range(count):
        line = generator.line(Dice(EVALUATION_SEED + i))
        group = next(name for name, limit in PITCH_GROUPS if line.pitch < limit)
        groups[group].append((line.grey, line.text))
    return groups


def labelled_lines(path):
    folder = pathlib.Path(path).parent
    entries = json.loads(pathlib.Path(path).read_text())
    pictures = (cv2.imread(str(folder / entry["file"]), cv2.IMREAD_GRAYSCALE) for entry in entries)
    return [(network_input(picture), entry["text"]) for picture, entry in zip(pictures, entries)]


def show_misread(results):
    for text, read, _ in results:
        if text != read:
            print(text, read, sep="\n", end="\n\n")


def report(name, results):
    exact = sum(text == read for text, read, _ in results)
    errors = sum(edit_distance(text, read) for text, read, _ in results)
    characters = sum(len(text) for text, _, _ in results)
    milliseconds = 1000 * float(np.median([seconds for _, _, seconds in results]))
    print(
        f"{name}: {exact} of {len(results)} lines exact ({exact / len(results):.1%}), "
        f"{errors} of {characters} characters wrong ({errors / characters:.2%}), "
        f"{milliseconds:.2f} ms a line (median, one thread)"
    )


def edit_distance(left, right):
    """Levenshtein's: fewest insertions, deletions and replacements."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


if __name__ == "__main__":
    main()
