"""Writes generated line crops for the reader's tests: python examples.py --model line.onnx --folder testdata.

The crops keep the size they have before the network's resize, so that a test covers that too. Beside line_N.png goes
line_examples.json: [{"file", "text": what is printed and shows, "greedy": the model's reading with repeats merged and
no grammar}].
"""

import argparse
import json
import pathlib

import cv2

from dice import Dice
from evaluate import EVALUATION_SEED, Reader
from generator import Generator, labelled, network_input

COUNT = 6
CLEAREST_PITCH = 9.0  # camera pixels a character from which a misreading would be the model's fault


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--fonts", default="/usr/share/fonts")
    options = parser.parse_args()
    reader, folder, entries = Reader(options.model), pathlib.Path(options.folder), []
    for number, photograph in enumerate(chosen(Generator(options.fonts)), 1):
        name = f"line_{number}.png"
        cv2.imwrite(str(folder / name), photograph.grey)
        grey = network_input(photograph.grey)
        entries.append({"file": name, "text": labelled(grey, photograph).text, "greedy": reader.read(grey)[0]})
    (folder / "line_examples.json").write_text(json.dumps(entries, indent=1) + "\n")


def chosen(generator):
    """The first clear photographs of the evaluation's seeds: whatever the model makes of them."""
    photographs, seed = [], EVALUATION_SEED
    while len(photographs) < COUNT:
        photograph = generator.photograph(Dice(seed))
        if photograph.pitch >= CLEAREST_PITCH:
            photographs.append(photograph)
        seed += 1
    return photographs


if __name__ == "__main__":
    main()
