"""Trains the line network on generated lines: python train.py --weights line.pt [--seed 0] [--steps 5400]."""

import argparse
import json
import math
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from alphabet import CLASS_COUNT, IGNORED_CLASS, greedy_text
from dice import Dice
from generator import Generator
from network import LineNetwork

BATCH = 16
PEAK_RATE, FINAL_PART, WARM_UP_STEPS = 2e-3, 0.02, 100
WEIGHT_DECAY, GRADIENT_LIMIT = 1e-3, 1.0
AVERAGE_DECAY = 0.998
VALIDATION_SEED, VALIDATION_LINES = 7_000_000_007, 600
STEPS_BETWEEN_VALIDATIONS = 300


def main():
    options = argument_parser().parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    generator = Generator(options.fonts)
    validation = [generator.line(Dice(VALIDATION_SEED + i)) for i in range(VALIDATION_LINES)]
    network, average = LineNetwork(), LineNetwork()
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    started, losses = time.monotonic(), []
    for step in range(options.steps):
        losses.append(train_step(network, optimiser, generator, options, step))
        update_average(average, network, step)
        if (step + 1) % STEPS_BETWEEN_VALIDATIONS == 0 or step + 1 == options.steps:
            progress = {"step": step + 1, "minutes": round((time.monotonic() - started) / 60, 1)}
            progress |= {"loss": round(float(np.mean(losses)), 4)} | measured(average, validation)
            print(json.dumps(progress), flush=True)
            torch.save(average.state_dict(), options.weights)
            losses = []


def argument_parser():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help="file for the averaged weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=5400, help=f"batches of {BATCH} lines")
    parser.add_argument("--fonts", default="/usr/share/fonts", help="folder of the Debian font packages")
    return parser


def train_step(network, optimiser, generator, options, step):
    """One batch of new lines; the frames' cross-entropy before the step."""
    part = step / options.steps
    rate = PEAK_RATE * min(1, (step + 1) / WARM_UP_STEPS) * annealed(part)
    for group in optimiser.param_groups:
        group["lr"] = rate
    dice = Dice(options.seed * 1_000_003 + step)
    difficulty = min(1.0, 0.4 + 3 * part)
    lines = [generator.line(dice, difficulty) for _ in range(BATCH)]
    scores = network(inputs_of(lines))
    loss = functional.cross_entropy(scores, classes_of(lines), ignore_index=IGNORED_CLASS)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
    optimiser.step()
    return loss.item()


def annealed(part):
    """Cosine from 1 to FINAL_PART."""
    return FINAL_PART + (1 - FINAL_PART) * 0.5 * (1 + math.cos(math.pi * part))


def inputs_of(lines):
    return torch.from_numpy(np.stack([line.grey for line in lines])).unsqueeze(1).float()


def classes_of(lines):
    return torch.from_numpy(np.stack([line.classes for line in lines]))


@torch.no_grad()
def update_average(average, network, step):
    """Exponential average of the weights, short at first so that the start is forgotten."""
    decay = min(AVERAGE_DECAY, step / (step + 20))
    for mean, current in zip(average.state_dict().values(), network.state_dict().values()):
        if mean.dtype.is_floating_point:
            mean.mul_(decay).add_(current, alpha=1 - decay)
        else:
            mean.copy_(current)


@torch.no_grad()
def measured(network, lines):
    """Share of lines read without any error, and of glyph frames of the right class; greedy, no grammar."""
    network.eval()
    scores = torch.cat([network(inputs_of(lines[i : i + BATCH])) for i in range(0, len(lines), BATCH)])
    best, truth = scores.argmax(1), classes_of(lines)
    exact = sum(greedy_text(row) == line.text for row, line in zip(best.tolist(), lines))
    glyphs = truth > 0
    right = (best[glyphs] == truth[glyphs]).float().mean().item()
    assert scores.shape[1] == CLASS_COUNT
    return {"lines_exact": round(exact / len(lines), 4), "frames_right": round(right, 5)}


if __name__ == "__main__":
    main()
