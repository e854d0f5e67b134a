#!/usr/bin/env python3
"""Compares every pair of faces of a sub-folder of faces/ (docs/bench.md) by dlib and by ekyc, and prints one table.

dlib is used as face_recognition uses it (load_image_file, face_locations, face_encodings with their defaults): the frontal HOG detector on the picture
as it is with one doubling, the first face that it gives, five landmarks, a chip of 150 pixels, one vector of 128, Euclidean distance, one person under 0.6.

What is counted, alike for both:
  not enrolled   pictures in which no face was found; each of their mated pairs is a non-match, their other pairs do not count
  FNMR at FMR    share of mated pairs below the lowest threshold at which at most that share of the others lies at or above it
  at default     FMR and FNMR at the threshold that the program uses unless told otherwise (dlib 0.6, ekyc similarity 0.75)
  CPU s          processor seconds a picture, from the file to the vector: for dlib the median, for ekyc the mean over the folder less what a run on two
                 pictures costs
  memory         the most that was resident, MB; ekyc's includes its comparisons of 12-megapixel photographs
"""
import argparse
import csv
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

import dlib
import face_recognition_models
import numpy
from PIL import Image

TOLERANCE = 0.6
RATES = ("0.001", "0.0001")


def cpu(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


class Dlib:
    def __init__(self):
        self.detector = dlib.get_frontal_face_detector()
        self.landmarks = dlib.shape_predictor(face_recognition_models.pose_predictor_five_point_model_location())
        self.network = dlib.face_recognition_model_v1(face_recognition_models.face_recognition_model_location())

    def vector(self, path):
        picture = numpy.array(Image.open(path).convert("RGB"))
        boxes = self.detector(picture, 1)
        if not boxes:
            return None
        return numpy.array(self.network.compute_face_descriptor(picture, self.landmarks(picture, boxes[0]), 1))


def judge(vectors, people):
    """The rates over all pairs; vectors are None where no face was found."""
    found = [i for i, v in enumerate(vectors) if v is not None]
    table = numpy.array([vectors[i] for i in found])
    names = numpy.array([people[i] for i in found])
    distances = numpy.sqrt(numpy.maximum(0, (table**2).sum(1)[:, None] + (table**2).sum(1)[None] - 2 * table @ table.T))
    upper = numpy.triu_indices(len(found), 1)
    same = (names[:, None] == names[None])[upper]
    mated, others = distances[upper][same], numpy.sort(distances[upper][~same])
    lost = sum(1 for i, a in enumerate(people) for j in range(i) if people[j] == a and (vectors[i] is None or vectors[j] is None))
    total = len(mated) + lost
    at = {}
    for rate in RATES:
        allowed = int(float(rate) * len(others))
        at[rate] = (lost + int((mated >= others[allowed]).sum())) / total
    return {
        "mated": total, "failed": 1 - len(found) / len(vectors), "fnmr": at,
        "fmr_default": float((others < TOLERANCE).mean()), "fnmr_default": (lost + int((mated >= TOLERANCE).sum())) / total,
    }


def run_dlib(folder, rows):
    reader, times, vectors = Dlib(), [], []
    for n, row in enumerate(rows):
        before = cpu(resource.RUSAGE_SELF)
        vectors.append(reader.vector(os.path.join(folder, "faces", row["file"])))
        times.append(cpu(resource.RUSAGE_SELF) - before)
        if n % 100 == 0:
            print(f"dlib: {n} of {len(rows)}", file=sys.stderr)
    result = judge(vectors, [row["identity"] for row in rows])
    result["cpu"], result["memory"] = statistics.median(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def bench(binary, folder, rows):
    """Runs ekyc bench on a folder that holds these rows; the result, its processor seconds and memory."""
    with tempfile.TemporaryDirectory() as place:
        os.makedirs(os.path.join(place, "faces"))
        for row in rows:
            target = os.path.join(place, "faces", row["file"])
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.path.join(folder, "faces", row["file"]), target)
        with open(os.path.join(place, "faces", "identities.csv"), "w", newline="") as out:
            writer = csv.DictWriter(out, ["file", "identity"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        before = cpu(resource.RUSAGE_CHILDREN)
        done = subprocess.run([binary, "bench", place, "--only", "face", "--workers", "1", "--json", "-"], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout), cpu(resource.RUSAGE_CHILDREN) - before


def run_ekyc(binary, folder, rows, group):
    two = [row for row in rows if row["identity"] == rows[0]["identity"]][:1] + [next(row for row in rows if row["identity"] != rows[0]["identity"])]
    _, base = bench(binary, folder, two)
    whole, seconds = bench(binary, folder, rows)
    g = whole["face"]["groups"][group]
    return {
        "mated": g["mated"], "failed": g["failed_to_enrol"]["value"], "fnmr": {rate: g["fnmr_at_fmr"][rate]["value"] for rate in RATES},
        "fmr_default": g["at_default"]["fmr"]["value"], "fnmr_default": g["at_default"]["fnmr"]["value"],
        "cpu": (seconds - base) / (len(rows) - len(two)), "memory": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def main():
    parser = argparse.ArgumentParser(description="compare ekyc's faces with dlib's on a labelled folder")
    parser.add_argument("folder")
    parser.add_argument("--group", default="lfw", help="sub-folder of faces/")
    parser.add_argument("--ekyc", default=shutil.which("ekyc") or "bin/ekyc", help="the program; empty to leave it out")
    parser.add_argument("--limit", type=int, default=0, help="only so many pictures, for a trial")
    options = parser.parse_args()
    with open(os.path.join(options.folder, "faces", "identities.csv"), newline="") as table:
        rows = [row for row in csv.DictReader(table) if os.path.dirname(row["file"]) == options.group]
    if options.limit:
        rows = rows[: options.limit]
    results = {f"dlib {dlib.__version__}, face_recognition's way": run_dlib(options.folder, rows)}
    if options.ekyc:
        results["ekyc"] = run_ekyc(options.ekyc, options.folder, rows, options.group)
    print(f"{options.group}: {len(rows)} pictures\n")
    print("| | not enrolled | FNMR at FMR 1/1,000 | 1/10,000 | at default: FMR | FNMR | CPU s a picture | memory MB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, r in sorted(results.items(), key=lambda item: item[1]["fnmr"]["0.001"]):
        print(f"| {name} | {r['failed']:.2%} | {r['fnmr']['0.001']:.2%} | {r['fnmr']['0.0001']:.2%} | {r['fmr_default']:.4%} | {r['fnmr_default']:.2%} | {r['cpu']:.3f} | {r['memory']:.0f} |")


if __name__ == "__main__":
    main()
