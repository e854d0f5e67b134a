"""Exports trained weights: python export.py --weights line.pt --model line.onnx."""

import argparse
import hashlib
import pathlib

import onnx
import torch

from alphabet import CLASS_COUNT, FRAME_COUNT, INPUT_HEIGHT, INPUT_WIDTH
from network import LineNetwork, LogProbabilities

OPSET = 13


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    network = LineNetwork()
    network.load_state_dict(torch.load(options.weights, weights_only=True))
    torch.onnx.export(
        LogProbabilities(network).eval(),
        torch.zeros(1, 1, INPUT_HEIGHT, INPUT_WIDTH),
        options.model,
        input_names=["x"],
        output_names=["lp"],
        dynamic_axes={"x": {0: "batch"}, "lp": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )
    check(options.model)
    content = pathlib.Path(options.model).read_bytes()
    print(f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def check(path):
    """The contract with the reader: names, types and sizes."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    assert dimensions(model.graph.input) == ("x", ["batch", 1, INPUT_HEIGHT, INPUT_WIDTH])
    assert dimensions(model.graph.output) == ("lp", ["batch", FRAME_COUNT, CLASS_COUNT])


def dimensions(values):
    [value] = values
    return value.name, [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


if __name__ == "__main__":
    main()
