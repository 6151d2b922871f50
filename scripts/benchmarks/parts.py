"""Parts of a training step, each in the way that was left and in the way that is taken.

    python scripts/benchmarks/parts.py
    OMP_NUM_THREADS=1 python scripts/benchmarks/parts.py --only lstm crf

Both ways of a part take turns, `--rounds` times, and the shortest of each counts; networks are read forwards
and backwards. The sizes are those of the shipped options. Compare `times` and not milliseconds.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from timing import print_table, write_json
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn

from ecgrnn.data.batch import SequenceBatch
from ecgrnn.nn.attention import AdditiveAttention
from ecgrnn.nn.crf import LinearChainCrf
from ecgrnn.nn.fused import recurrence
from ecgrnn.nn.pooling import Pool
from ecgrnn.nn.recurrence import valid_steps
from ecgrnn.options.choices import Cell, Pooling
from ecgrnn.tasks.beats.augmentation import BeatAugmentation
from ecgrnn.tasks.beats.options import AugmentationConfig

Way = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time parts of a training step in two ways each.")
    parser.add_argument("--only", nargs="+", help="beginnings of the names of parts")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rows = []
    for name, left, taken in parts():
        if arguments.only and not name.startswith(tuple(arguments.only)):
            continue
        left_s, taken_s = shortest(left, taken, rounds=arguments.rounds)
        rows.append(
            {"part": name, "left_ms": 1e3 * left_s, "taken_ms": 1e3 * taken_s, "times": left_s / taken_s}
        )
    print_table(rows)
    write_json(arguments.out, rows=rows, threads=torch.get_num_threads())


def parts() -> Iterator[tuple[str, Way, Way]]:
    yield from unequal_rows()
    yield from one_step()
    yield from crf()
    yield from attention()
    yield from pooling()
    yield from augmentation()
    yield from weights()


def unequal_rows() -> Iterator[tuple[str, Way, Way]]:
    """Rows packed for torch.nn, or padded."""
    for cell in (Cell.lstm, Cell.gru):
        for rows, steps in ((16, 64), (32, 100), (48, 300)):
            network = recurrence(cell, 48, hidden_size=48, bidirectional=True)
            x, lengths = torch.randn(rows, steps, 48), torch.linspace(steps // 2, steps, rows).long()

            def packed(network=network, x=x, lengths=lengths) -> Tensor:
                given = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
                return network.layers(given)[0].data

            yield (
                f"{cell} of {rows} rows of {steps // 2} to {steps} steps: packed, padded",
                learning(packed),
                learning(lambda network=network, x=x, lengths=lengths: network.outputs(x, lengths)),
            )


def one_step() -> Iterator[tuple[str, Way, Way]]:
    """A GRU over one step by the layer with the gradient by hand, or by torch's."""
    from ecgrnn.nn.cells import weights_of
    from ecgrnn.nn.gru_sequence import gru_layer

    network, x, h = recurrence(Cell.gru, 48, hidden_size=64), torch.randn(32, 1, 48), torch.zeros(1, 32, 64)
    yield (
        "gru over one step: by hand, torch's",
        learning(lambda: gru_layer(x, h, [weights_of(network.layers, "_l0")])[0]),
        learning(lambda: network.outputs(x)),
    )


def crf() -> Iterator[tuple[str, Way, Way]]:
    """The likelihood of labels by two recursions that autograd goes through, or by one with marginals."""
    for rows, steps in ((8, 625), (48, 625)):
        field = LinearChainCrf(4)
        scores, labels = torch.randn(rows, steps, 4, requires_grad=True), torch.randint(4, (rows, steps))

        def recursions(field=field, scores=scores, labels=labels) -> Tensor:
            constrained = scores.masked_fill(labels[..., None] != torch.arange(4), -torch.inf)
            return recursion(field, constrained) - recursion(field, scores)

        yield (
            f"crf, likelihood of {rows} rows of {steps} labels: two recursions, marginals",
            learning(recursions),
            learning(lambda field=field, scores=scores, labels=labels: field.log_likelihood(scores, labels)),
        )


def recursion(field: LinearChainCrf, scores: Tensor) -> Tensor:
    alpha = field.start + scores[:, 0]
    for t in range(1, scores.shape[1]):
        alpha = torch.logsumexp(alpha[:, :, None] + field.transitions, dim=1) + scores[:, t]
    return torch.logsumexp(alpha + field.end, dim=-1)


def attention() -> Iterator[tuple[str, Way, Way]]:
    """Twenty questions, the keys projected for each of them, or once."""
    attend, keys = AdditiveAttention(96, 64, query_size=64), torch.randn(32, 100, 96, requires_grad=True)
    valid, queries = torch.ones(32, 100, dtype=torch.bool), torch.randn(20, 32, 64)

    def once() -> Tensor:
        prepared = attend.keys(keys, valid)
        return torch.stack([attend.look(prepared, query)[0] for query in queries])

    yield (
        "attention, 20 symbols: keys projected each time, once",
        learning(lambda: torch.stack([attend(keys, valid, query)[0] for query in queries])),
        learning(once),
    )


def pooling() -> Iterator[tuple[str, Way, Way]]:
    """Outputs of beats pooled under a mask that hides nothing, or without one."""
    outputs = torch.randn(2048, 7, 48, requires_grad=True)
    lengths, pool = torch.full((2048,), 7), Pool(Pooling.mean, 48)

    def masked() -> Tensor:
        hidden = ~valid_steps(lengths, 7)[..., None]
        return outputs.masked_fill(hidden, 0).sum(dim=1) / lengths.clamp(min=1)[:, None]

    yield "pooling, mean of 2048 beats: mask, none", learning(masked), learning(lambda: pool(outputs))


def augmentation() -> Iterator[tuple[str, Way, Way]]:
    """Windows of beats shifted and made noisy: selected and stacked, or in pieces and in place."""
    change = BeatAugmentation(AugmentationConfig(), feature_names=("a", "b"), fs_hz=125.0)
    nothing = torch.zeros(16, 64, dtype=torch.long)
    batch = SequenceBatch(
        signal=torch.randn(16, 64, 2, 112, 2),
        lengths=torch.full((16,), 64),
        features=torch.randn(16, 64, 2),
        label=nothing,
        index=nothing,
    )
    yield "augmentation of 1024 beats: copies, pieces", lambda: copied(batch.signal), lambda: change(batch)


def copied(signal: Tensor) -> Tensor:
    """Change a batch as `BeatAugmentation` does, by a new array at every step."""
    per_lead = (16, 1, 2, 1)
    at = (torch.arange(112) + 2).clamp(0, 111)
    gain = torch.exp(0.2 * torch.randn(16, 1, 2, 1, 1))
    beat, usual = (signal.index_select(3, at) * gain).unbind(dim=-1)
    noise, wander = 0.05 * torch.rand(per_lead), 0.1 * torch.rand(per_lead)
    offset, slope = torch.randn(2, 16, 64, 2, 1)
    added = noise * torch.randn(beat.shape) + wander * (offset + slope * torch.linspace(-1, 1, 112))
    return torch.stack([beat + added * torch.ones(per_lead), usual], dim=-1)


def weights() -> Iterator[tuple[str, Way, Way]]:
    """Averages and AdamW over the weights of the default network, one by one or together."""
    network = nn.ModuleList(
        [
            recurrence(Cell.gru, 32, hidden_size=24, bidirectional=True),
            recurrence(Cell.gru, 48, hidden_size=48, bidirectional=True),
            nn.Linear(110, 48),
            nn.Linear(144, 5),
        ]
    )
    for parameter in network.parameters():
        parameter.grad = 1e-3 * torch.randn_like(parameter)
    ways = {"avg_fn": get_ema_avg_fn(0.99)}, {"multi_avg_fn": get_ema_multi_avg_fn(0.99)}
    averages = [AveragedModel(network, **way) for way in ways]
    one, together = ((lambda average=average: average.update_parameters(network)) for average in averages)
    yield "average of weights: one by one, multi-tensor", one, together
    plain, fused = (torch.optim.AdamW(network.parameters(), fused=fused) for fused in (False, True))
    yield "AdamW: default, fused", plain.step, fused.step


def learning(way: Callable[[], Tensor]) -> Way:
    return lambda: way().square().mean().backward()


def shortest(left: Way, taken: Way, *, rounds: int) -> tuple[float, float]:
    left(), taken()
    found = [[seconds(way) for way in (left, taken)] for _ in range(rounds)]
    return tuple(min(column) for column in zip(*found, strict=True))


def seconds(way: Way) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
