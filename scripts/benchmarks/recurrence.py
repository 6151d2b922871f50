"""Recurrent layers as the sequence grows: sequential ones of torch.nn against those a parallel scan computes.

    python scripts/benchmarks/recurrence.py --out recurrence.json
    python scripts/benchmarks/recurrence.py --device cuda --precision bfloat16

One layer, one direction, forwards and backwards, over `--batch` rows of 360 to 36,000 steps of `--input`
numbers. lstm, gru and rnn_tanh are ecgrnn's fused layers: those of torch.nn (cuDNN's on a GPU), but for a GRU
over few rows on a processor, which `ecgrnn.nn.gru_sequence` reads; torch's own stands beside it. min_gru and
min_lstm are the scan of `ecgrnn.nn.scan`; a name with "written out" takes one step after the other in Python,
up to `--written-out-to` steps. All take turns, `--rounds` times, and the shortest counts. `times_lstm` is the
time relative to the LSTM's over as many steps. Precision bfloat16 and float16 are autocast's, without the
scaling of the loss.
"""

import argparse
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timing import print_table, write_json
from torch import nn

from ecgrnn.nn.fused import recurrence
from ecgrnn.options.choices import Cell

FUSED = (Cell.lstm, Cell.gru, Cell.rnn_tanh, Cell.min_gru, Cell.min_lstm)
WRITTEN_OUT = (Cell.gru, Cell.min_gru)


@dataclass
class Layer:
    """One way to read a sequence, and the shortest time it took."""

    name: str
    network: nn.Module
    best_s: float = float("inf")


def main() -> None:
    arguments = parse_arguments()
    torch.manual_seed(0)
    rows = [row for steps in arguments.steps for row in rows_of(arguments, steps)]
    print_table(rows)
    device = (
        torch.cuda.get_device_name() if arguments.device == "cuda" else f"{torch.get_num_threads()} threads"
    )
    print(f"{arguments.precision} on {device}")
    write_json(arguments.out, rows=rows, device=device, precision=arguments.precision, batch=arguments.batch)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time recurrent layers over longer and longer sequences.")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--steps", type=int, nargs="+", default=[360, 1080, 3600, 10800, 36000])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--input", type=int, default=18, help="numbers of a step: 9 samples of two leads")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--written-out-to", type=int, default=3600, help="longest sequence of those in Python"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def rows_of(arguments: argparse.Namespace, steps: int) -> list[dict[str, Any]]:
    n_inputs, hidden = arguments.input, arguments.hidden
    layers = [Layer(cell.value, recurrence(cell, n_inputs, hidden_size=hidden)) for cell in FUSED]
    layers.append(Layer("gru, torch's", nn.GRU(n_inputs, hidden, batch_first=True)))
    if steps <= arguments.written_out_to:
        layers += [
            Layer(f"{cell.value}, written out", recurrence(cell, n_inputs, hidden_size=hidden, fused=False))
            for cell in WRITTEN_OUT
        ]
    x = torch.randn(arguments.batch, steps, arguments.input, device=arguments.device)
    for layer in layers:
        layer.network.to(arguments.device)
        run(layer, x, precision=arguments.precision)
    for _ in range(arguments.rounds):
        for layer in layers:
            layer.best_s = min(layer.best_s, run(layer, x, precision=arguments.precision))
    return [
        {
            "steps": steps,
            "layer": layer.name,
            "ms": 1000 * layer.best_s,
            "us_a_step": 1e6 * layer.best_s / steps,
            "times_lstm": layer.best_s / layers[0].best_s,
        }
        for layer in layers
    ]


def run(layer: Layer, x: torch.Tensor, *, precision: str) -> float:
    """Read all rows forwards and backwards; give the seconds it took."""
    kind = getattr(torch, precision)
    cast = nullcontext() if kind is torch.float32 else torch.autocast(x.device.type, kind)
    layer.network.zero_grad()
    wait(x)
    begun = time.perf_counter()
    with cast:
        loss = layer.network(x)[0].float().square().mean()
    loss.backward()
    wait(x)
    return time.perf_counter() - begun


def wait(x: torch.Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
