#!/usr/bin/env python3
"""Reads a labelled folder (docs/bench.md) with open readers of machine readable zones and with ekyc, and prints one table.

What is counted, alike for every reader:
  exact        every character of every line of the zone is the truth's
  checks hold  all check digits of the lines that were read hold, by one computation for all
  false valid  the reader's own verdict is "valid" (for plain OCR, which has none: all check digits hold) though a character
               under a check digit is wrong; for ekyc: its mrz.valid with its own thresholds
  CPU s        processor seconds an image, from the file to the lines: the median; for ekyc, which reads the whole document, the mean
               over the folder less what a run on one picture costs. Processor time, so that what else runs does not count

Plain OCR (Tesseract, RapidOCR) gives text; its rows become a zone by the usual script: rows of print with fillers, two or three
below each other, brought to the nearest length of 30, 36 or 44 by fillers at the end.
"""
import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # Tesseract's threads cost more than they bring

WEIGHTS = (7, 3, 1)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def digit(text):
    return str(sum((ALPHABET.find(c) if c != "<" else 0) * WEIGHTS[i % 3] for i, c in enumerate(text)) % 10)


def spans(lines):
    """The check digits of the lines: (characters covered, digit), each as a list of (line, from, to)."""
    if len(lines) == 3:
        return [([(0, 5, 14)], (0, 14, 15)), ([(1, 0, 6)], (1, 6, 7)), ([(1, 8, 14)], (1, 14, 15)),
                ([(0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)], (1, 29, 30))]
    width = len(lines[0])
    if width == 36 and lines[0].startswith("IDFRA") and lines[1][27:34].isdigit():
        return [([(1, 0, 12)], (1, 12, 13)), ([(1, 27, 33)], (1, 33, 34)), ([(0, 0, 36), (1, 0, 35)], (1, 35, 36))]
    checks = [([(1, 0, 9)], (1, 9, 10)), ([(1, 13, 19)], (1, 19, 20)), ([(1, 21, 27)], (1, 27, 28))]
    if lines[0].startswith("V"):
        return checks
    if width == 44:
        return checks + [([(1, 28, 42)], (1, 42, 43)), ([(1, 0, 10), (1, 13, 20), (1, 21, 43)], (1, 43, 44))]
    return checks + [([(1, 0, 10), (1, 13, 20), (1, 21, 35)], (1, 35, 36))]


def cpu():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def whole(lines):
    return (len(lines), {len(l) for l in lines}) in ((3, {30}), (2, {36}), (2, {44}))


def holds(lines):
    if not whole(lines):
        return False
    for covered, at in spans(lines):
        text = "".join(lines[l][a:b] for l, a, b in covered)
        read = lines[at[0]][at[1]:at[2]]
        long_number = covered[0] in ((0, 5, 14), (1, 0, 9)) and len(covered) == 1 and read == "<" and len(lines[0]) != 44
        if read != digit(text) and not (read == "<" and not text.strip("<")) and not long_number:
            return False
    return True


def covered_differs(lines, truth):
    if [len(l) for l in lines] != [len(l) for l in truth]:
        return True
    places = {(l, k) for covered, at in spans(truth) for l, a, b in covered + [at] for k in range(a, b)}
    return any(lines[l][k] != truth[l][k] for l, k in places)


def zone_of(rows):
    """The lines of a zone among rows of print, from the top down."""
    clean = [re.sub(r"[^A-Z0-9<]", "", r.upper().replace("«", "<<").replace("‹", "<").replace(" ", "")) for r in rows]
    rows = [r for r in clean if len(r) >= 25 and ("<" in r or sum(c.isdigit() for c in r) >= 8)]
    for count, widths in ((3, (30,)), (2, (44, 36))):
        if len(rows) < count:
            continue
        last = rows[-count:]
        length = statistics.median(len(r) for r in last)
        width = min(widths, key=lambda w: abs(w - length))
        if abs(width - length) <= 3:
            return [(r.rstrip("<") + "<" * width)[:width] if len(r) != width else r for r in last]
    return []


class Tesseract:
    def __init__(self, mode):
        self.mode = mode
        self.name = "Tesseract " + subprocess.run(["tesseract", "--version"], capture_output=True, text=True).stdout.split()[1] + \
            f" (Debian, eng, --psm {mode})"

    def read(self, path):
        out = subprocess.run(["tesseract", path, "-", "-l", "eng", "--psm", str(self.mode)], capture_output=True, text=True, timeout=120)
        lines = zone_of(out.stdout.splitlines())
        return lines, holds(lines)


class PassportEye:
    def __init__(self):
        from passporteye import read_mrz
        from passporteye.mrz.text import MRZOCRCleaner
        self.read_mrz, self.clean, self.name = read_mrz, MRZOCRCleaner.apply, "PassportEye " + version("passporteye")

    def read(self, path):
        zone = self.read_mrz(path)
        if zone is None:
            return [], False
        return list(self.clean(zone.aux["raw_text"])), bool(zone.valid)


class FastMRZ:
    """Its wheel has the network that finds the zone, but not the Tesseract model "mrz" that it names: Debian's eng stands in."""

    def __init__(self):
        from fastmrz import FastMRZ as Reader
        data = tempfile.mkdtemp(prefix="peers-tessdata-")
        model = next(p for p in ("/usr/share/tesseract-ocr/5/tessdata/eng.traineddata", "/usr/share/tessdata/eng.traineddata") if os.path.exists(p))
        os.symlink(model, os.path.join(data, "mrz.traineddata"))
        self.reader, self.name = Reader(tessdata_path=data), f"FastMRZ {version('fastmrz')} (AGPL; with eng for its model)"

    def read(self, path):
        text = self.reader.get_details(path, input_type="imagepath", ignore_parse=True)
        lines = text.split("\n") if isinstance(text, str) and text else []
        valid = False
        if lines:
            try:
                valid = self.reader._parse_mrz(text).get("status") == "SUCCESS"
            except (IndexError, ValueError):
                pass
        return lines, valid


class RapidOCR:
    def __init__(self):
        import logging
        logging.disable(logging.INFO)
        from rapidocr import RapidOCR as Reader
        self.reader, self.name = Reader(), "RapidOCR " + version("rapidocr") + " (PP-OCRv6 small)"

    def read(self, path):
        result = self.reader(path)
        if result.txts is None:
            return [], False
        pieces = sorted(((b[:, 1].mean(), b[:, 0].min(), b[:, 1].max() - b[:, 1].min(), t) for b, t in zip(result.boxes, result.txts)), key=lambda p: p[0])
        rows = []
        for y, x, height, text in pieces:
            if rows and abs(rows[-1][0] - y) < height / 2:
                rows[-1][1].append((x, text))
            else:
                rows.append((y, [(x, text)]))
        lines = zone_of(["".join(t for _, t in sorted(row)) for _, row in rows])
        return lines, holds(lines)


READERS = {"tesseract": lambda: Tesseract(6), "passporteye": PassportEye, "fastmrz": FastMRZ, "rapidocr": RapidOCR}


def measure(reader, folder, labels):
    exact = hold = false = failed = 0
    seconds = []
    for label in labels:
        truth = label["mrz"]
        best = ([], False)
        for candidate in [os.path.join(folder, "documents", f) for f in (label["file"], label.get("back")) if f]:
            start = cpu()
            try:
                lines, valid = reader.read(candidate)
            except Exception:  # a reader that fails has read nothing
                lines, valid, failed = [], False, failed + 1
            seconds.append(cpu() - start)
            if valid or lines == truth or len("".join(lines)) > len("".join(best[0])):
                best = (lines, valid)
            if lines == truth or valid:
                break
        lines, valid = best
        exact += lines == truth
        hold += holds(lines)
        false += valid and covered_differs(lines, truth)
    return exact, hold, false, failed, statistics.median(seconds)


def bench(binary, folder):
    """The result of ekyc bench on the documents of a folder, and the processor seconds that it took."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        start = cpu()
        subprocess.run([binary, "bench", folder, "--only", "document", "--json", out.name], check=True, stdout=subprocess.DEVNULL)
        return json.load(open(out.name)), cpu() - start


def ekyc(binary, folder):
    with tempfile.TemporaryDirectory() as one:
        os.mkdir(os.path.join(one, "documents"))
        all_labels = json.load(open(os.path.join(folder, "documents", "labels.json")))
        first = all_labels[0]
        for name in filter(None, (first["file"], first.get("back"))):
            os.symlink(os.path.abspath(os.path.join(folder, "documents", name)), os.path.join(one, "documents", name))
        with open(os.path.join(one, "documents", "labels.json"), "w") as out:
            json.dump([first], out)
        _, base = bench(binary, one)
    result, seconds = bench(binary, folder)
    pictures = sum(1 + bool(l.get("back")) for l in all_labels)
    zone = result["document"]["mrz"]
    count = lambda rate: round(rate["value"] * rate["n"])
    each = (seconds - base) / max(1, pictures - 1 - bool(first.get("back")))
    return "ekyc " + result["version"], count(zone["exact"]), count(zone["all_checks_hold"]), count(zone["false_valid"]), 0, each, zone["present"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--only", default=",".join(READERS), help="readers, by comma: " + ", ".join(READERS))
    parser.add_argument("--ekyc", default="bin/ekyc", help="the program; empty for none")
    args = parser.parse_args()
    labels = [l for l in json.load(open(os.path.join(args.folder, "documents", "labels.json"))) if l.get("mrz")]
    n = len(labels)
    print(f"{n} zones\n\n| reader | whole zone exact | all check digits hold | false valid | CPU s an image | failed |\n|---|---|---|---|---|---|")

    def row(name, exact, hold, false, failed, seconds):
        print(f"| {name} | {exact} ({100 * exact / n:.1f} %) | {hold} ({100 * hold / n:.1f} %) | {false} | {seconds:.2f} | {failed} |", flush=True)

    if args.ekyc:
        name, exact, hold, false, failed, seconds, zones = ekyc(args.ekyc, args.folder)
        if zones != n:
            sys.exit(f"ekyc counts {zones} zones, the labels have {n}")
        row(name, exact, hold, false, failed, seconds)
    for reader in (READERS[r]() for r in args.only.split(",")):
        row(reader.name, *measure(reader, args.folder, labels))


if __name__ == "__main__":
    main()
