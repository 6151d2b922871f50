"""Beats per second of a training step, loading included, against what a user would write without ecgrnn.

    python scripts/benchmarks/training.py --data data/physionet/mitdb --out training.json
    python scripts/benchmarks/training.py --data data/physionet/mitdb --epochs 2 --only usual sequence lstm

The usual way is ``torch.nn.LSTM(2, 64, num_layers=2, bidirectional=True)`` over 360 raw samples, one
``__getitem__`` a beat, batches of 128. Beside it: the default task, and the single-beat task by frame length,
batch, cell, precision, and with recurrences written out step by step. All variants take turns, ``--rounds``
times ``--seconds`` each; the best round of each counts, so that other load on the machine disturbs the ratio
little. ``--epochs`` trains each variant for as many epochs, with AdamW at 1e-3 and no class weights, and adds
macro-F1 (N, S, V, F) on the validation patients of DS1; nobody of DS2 is read. An epoch of sequences reads
each beat twice. ``share_%`` is what the matrix products of a step, its loading included, reach of the
machine's own rate of large ones, which the last line gives.
"""

import argparse
import copy
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import wfdb
from timing import print_table, write_json
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from ecgrnn.data.batch import SequenceBatch
from ecgrnn.metrics.classification import ConfusionMatrix, macro_f1
from ecgrnn.nn.fused import processor_has_bfloat16
from ecgrnn.options.choices import Cell, Pooling, Subset
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.data import DataConfig, LoaderConfig, PreprocessingConfig
from ecgrnn.options.networks import (
    BeatSequenceNetworkConfig,
    ClassifierConfig,
    EncoderConfig,
    SequenceConfig,
)
from ecgrnn.options.spec import SignalSpec
from ecgrnn.tasks import task_of
from ecgrnn.tasks.beats.options import BeatsConfig, BeatSequenceConfig
from ecgrnn.training.data import build_datamodule

SINGLE = EncoderConfig(frame_s=0.05, cell=Cell.lstm, hidden_size=64, num_layers=2, bidirectional=True)
BATCH = 256


class RawBeats(Dataset[tuple[Tensor, int]]):
    """What a notebook does: 360 raw samples around a beat, one at a time."""

    def __init__(self, folder: Path, names: list[str], labels: dict[str, int]) -> None:
        self.beats: list[tuple[int, int, int]] = []
        self.signals = []
        for k, name in enumerate(names):
            self.signals.append(wfdb.rdrecord(str(folder / name)).p_signal)
            annotation = wfdb.rdann(str(folder / name), "atr")
            for sample, symbol in zip(annotation.sample, annotation.symbol, strict=True):
                if symbol in labels and 180 <= sample < len(self.signals[-1]) - 180:
                    self.beats.append((k, int(sample), labels[symbol]))

    def __len__(self) -> int:
        return len(self.beats)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        record, sample, label = self.beats[index]
        return torch.tensor(self.signals[record][sample - 180 : sample + 180], dtype=torch.float32), label


class RawNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 64, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(128, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.lstm(x)[0].mean(dim=1))
        return logits


@dataclass
class Variant:
    """One way to train: its network, its batches, and how a batch becomes logits and labels."""

    name: str
    network: nn.Module
    training: DataLoader[Any]
    validation: DataLoader[Any]
    apply: Callable[[nn.Module, Any], tuple[Tensor, Tensor]]
    bf16: bool = False
    best: float = 0.0
    loading: float = 1.0

    def __post_init__(self) -> None:
        self.untrained = copy.deepcopy(self.network.state_dict())

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        cast = torch.autocast("cpu", torch.bfloat16) if self.bf16 else nullcontext()
        with cast:
            logits, labels = self.apply(self.network, batch)
        loss = nn.functional.cross_entropy(logits.float(), labels, ignore_index=-1)
        return loss, int((labels >= 0).sum())


def main() -> None:
    arguments = parse_arguments()
    torch.manual_seed(0)
    roof = matrix_product_gflops()
    with tempfile.TemporaryDirectory() as cache:
        variants = [
            variant
            for variant in all_variants(arguments.data, Path(cache))
            if not arguments.only or variant.name.split(",")[0] in arguments.only
        ]
        for _ in range(arguments.rounds):
            for variant in variants:
                time_round(variant, seconds=arguments.seconds)
        roof = max(roof, matrix_product_gflops())
        rows = [row(variant, variants[0], roof=roof, epochs=arguments.epochs) for variant in variants]
    print_table(rows)
    print(f"large matrix products: {roof:.0f} GFLOP/s on {torch.get_num_threads()} threads")
    write_json(arguments.out, rows=rows, matrix_product_gflops=roof, threads=torch.get_num_threads())


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare training steps.")
    parser.add_argument("--data", type=Path, required=True, help="folder of mitdb")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a variant in a round")
    parser.add_argument("--epochs", type=int, default=0, help="train as long, and score validation patients")
    parser.add_argument(
        "--only", nargs="+", default=[], help="first words of variants; the first is the base"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def all_variants(data: Path, cache: Path) -> Iterator[Variant]:
    yield usual(data, cache)
    for cell, batch in [(Cell.gru, 8), (Cell.gru, 32), (Cell.lstm, 8), (Cell.lstm, 32)]:
        yield sequences(data, cache, cell, batch=batch)
    for frame_s, batch, cell, fused, bf16 in [
        (0.05, BATCH, Cell.lstm, True, False),
        (0.05, BATCH, Cell.lstm, False, False),
        (0.05, BATCH, Cell.lstm, True, True),
        (0.05, BATCH, Cell.gru, True, False),
        (0.05, BATCH, Cell.min_gru, True, False),
        (0.05, BATCH, Cell.rnn_tanh, True, False),
        (0.025, BATCH, Cell.lstm, True, False),
        (0.1, BATCH, Cell.lstm, True, False),
        (0.05, 64, Cell.lstm, True, False),
        (0.05, 1024, Cell.lstm, True, False),
    ]:
        if bf16 and not processor_has_bfloat16():
            continue
        encoder = replace(SINGLE, frame_s=frame_s, cell=cell, fused=fused)
        yield single(data, cache, encoder, batch=batch, bf16=bf16)


def usual(data: Path, cache: Path) -> Variant:
    module = opened(options_single(data, cache, SINGLE, batch=BATCH))
    scheme = task_of(BeatsConfig()).scheme(DataConfig(database="mitdb"))
    labels = {symbol: scheme.classes.index(name) for symbol, name in scheme.symbols.items()}
    subsets = [
        RawBeats(data, list(getattr(module.split, subset)), labels) for subset in ("train", "validation")
    ]
    loaders = [DataLoader(dataset, batch_size=128, shuffle=True) for dataset in subsets]
    return Variant("usual", RawNetwork(), *loaders, lambda network, batch: (network(batch[0]), batch[1]))


def single(data: Path, cache: Path, encoder: EncoderConfig, *, batch: int, bf16: bool) -> Variant:
    way = "fused" if encoder.fused else "written out"
    name = f"{encoder.cell.value}, {encoder.frame_s} s, {batch}, {way}{', bf16' if bf16 else ''}"
    return variant(name, options_single(data, cache, encoder, batch=batch), n_leads=2, bf16=bf16)


def sequences(data: Path, cache: Path, cell: Cell, *, batch: int) -> Variant:
    encoder = EncoderConfig(frame_s=0.128, cell=cell, hidden_size=24, num_layers=1, bidirectional=True)
    rows = SequenceConfig(cell=cell, input_size=48, hidden_size=48, num_layers=1, bidirectional=True)
    options = TrainConfig(
        data=DataConfig(database="mitdb", root=str(data), split="ds1ds2", cache=str(cache)),
        preprocessing=PreprocessingConfig(fs_hz=125.0, first_lead="MLII", highpass_hz=0.5, lowpass_hz=40.0),
        task=BeatSequenceConfig(before_s=0.4, after_s=0.496, sequence_beats=64),
        network=BeatSequenceNetworkConfig(encoder=encoder, sequence=rows, pooling=Pooling.mean),
        loader=LoaderConfig(batch_size=batch, evaluation_batch_size=32),
    )
    return variant(f"sequence, {cell.value} 24 + 48, {batch} x 64 beats", options, n_leads=2)


def options_single(data: Path, cache: Path, encoder: EncoderConfig, *, batch: int) -> TrainConfig:
    return TrainConfig(
        data=DataConfig(database="mitdb", root=str(data), split="ds1ds2", cache=str(cache)),
        preprocessing=PreprocessingConfig(fs_hz=180.0, highpass_hz=0.5, lowpass_hz=40.0),
        task=BeatsConfig(before_s=0.35, after_s=0.45),
        network=ClassifierConfig(encoder=encoder),
        loader=LoaderConfig(batch_size=batch),
    )


def variant(name: str, options: TrainConfig, *, n_leads: int, bf16: bool = False) -> Variant:
    module = opened(options)
    scheme = task_of(options.task).scheme(options.data)
    fs_hz = module.records(Subset.train)[0].fs_hz
    signal = SignalSpec(fs_hz=fs_hz, leads=("",) * n_leads)
    network = task_of(options.task).network(options.network, signal=signal, n_classes=len(scheme.classes))
    return Variant(name, network, module.train_dataloader(), module.val_dataloader(), ours, bf16)


def opened(options: TrainConfig) -> Any:
    module = build_datamodule(options, task_of(options.task))
    module.prepare_data()
    module.setup()
    return module


def ours(network: nn.Module, batch: Any) -> tuple[Tensor, Tensor]:
    logits = network(batch.signal, batch.lengths, batch.features)
    if isinstance(batch, SequenceBatch):
        return logits.flatten(0, 1), batch.label.flatten()
    return logits, batch.label


def time_round(variant: Variant, *, seconds: float) -> None:
    optimizer = torch.optim.AdamW(variant.network.parameters())
    batches, n_beats, loading = iter(variant.training), 0, 0.0
    step(variant, next(batches), optimizer)
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        asked = time.perf_counter()
        batch = next(batches, None)
        loading += time.perf_counter() - asked
        if batch is None:
            batches = iter(variant.training)
            continue
        n_beats += step(variant, batch, optimizer)
    taken = time.perf_counter() - begun
    if n_beats / taken > variant.best:
        variant.best, variant.loading = n_beats / taken, loading / taken


def step(variant: Variant, batch: Any, optimizer: torch.optim.Optimizer) -> int:
    loss, n_beats = variant.loss(batch)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(variant.network.parameters(), 1.0)
    optimizer.step()
    return n_beats


def row(variant: Variant, base: Variant, *, roof: float, epochs: int) -> dict[str, Any]:
    gflops = variant.best * flop_a_beat(variant) / 1e9
    return {
        "variant": variant.name,
        "beats_per_s": variant.best,
        "times_the_usual": variant.best / base.best,
        "loading_%": 100 * variant.loading,
        "gflops": gflops,
        "share_%": 100 * gflops / roof,
        "validation_macro_f1": validated(variant, epochs) if epochs else None,
    }


def validated(variant: Variant, epochs: int) -> float:
    variant.network.load_state_dict(variant.untrained)
    optimizer = torch.optim.AdamW(variant.network.parameters(), lr=1e-3)
    for _ in range(epochs):
        for batch in variant.training:
            step(variant, batch, optimizer)
    counted = ConfusionMatrix(5)
    variant.network.eval()
    with torch.inference_mode():
        for batch in variant.validation:
            logits, labels = variant.apply(variant.network, batch)
            counted.update(logits.argmax(-1)[labels >= 0], labels[labels >= 0])
    variant.network.train()
    return macro_f1(counted.compute().numpy(), over=(0, 1, 2, 3))


def flop_a_beat(variant: Variant) -> float:
    """Count the operations of the matrix products in a step, forwards and backwards."""
    batch = next(iter(variant.training))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch sets more flags than are asked for, and warns of one
        # Only without oneDNN is torch's LSTM made of products that can be counted.
        with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
            loss, n_beats = variant.loss(batch)
            loss.backward()
    return counter.get_total_flops() / n_beats


def matrix_product_gflops() -> float:
    a = torch.randn(1024, 1024)
    return 2 * 1024**3 / min(timed(lambda: a @ a) for _ in range(20)) / 1e9


def timed(function: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
