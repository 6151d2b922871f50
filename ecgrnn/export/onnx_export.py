"""Exports a model to ONNX: the file is there only when what it says is what the checkpoint says."""

import tempfile
from pathlib import Path

import numpy as np

from ecgrnn.errors import CheckpointError, DataError
from ecgrnn.export.onnx_model import about_of, onnx_model, stamp, texts_of
from ecgrnn.export.parity import Parity, compare, fitting
from ecgrnn.export.quantise import quantised
from ecgrnn.inference.exported import load_exported
from ecgrnn.options.choices import Quantize
from ecgrnn.options.deploy import ExportConfig
from ecgrnn.signals.recording import Recording
from ecgrnn.simulator.simulate import simulate_record
from ecgrnn.tasks.model import TrainedModel

_SIMULATED_S = 120.0


def export_onnx(
    model: TrainedModel, out: Path, options: ExportConfig, *, card: str, recording: Recording | None
) -> list[str]:
    """Write a model as one ONNX file.

    Args:
        model: the model.
        out: the file.
        options: options of ``export``.
        card: text of the model card.
        recording: the recording that is annotated with both; None simulates one.

    Returns:
        What the user is told, line by line.

    Raises:
        CheckpointError: ONNX has no such network, or what was exported says something else.
        DataError: the recording cannot be read, or the file cannot be written.
    """
    proto = onnx_model(model, card=card)
    if options.quantize is Quantize.int8:
        whole = quantised(proto)
        stamp(whole, texts_of(proto), {**about_of(proto), "quantize": "int8"})
        proto = whole
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as beside:
            made = Path(beside) / out.name
            made.write_bytes(proto.SerializeToString(deterministic=True))
            exported = load_exported(made)
            found = compare(model, exported, fitting(model, recording or _simulated(model)))
            _check(found, options)
            made.replace(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}); name another file with out=") from error
    return [f"exported       {out}, {out.stat().st_size / 1000:.0f} kB", *_lines(found, options, recording)]


def _simulated(model: TrainedModel) -> Recording:
    """Simulate a recording of at least as many leads as a model reads, the same ones again where need be."""
    made = simulate_record(1, seed=0, duration_s=_SIMULATED_S)
    columns = np.arange(max(len(model.signal.leads), len(made.leads))) % len(made.leads)
    return Recording(made.signal[:, columns], fs=made.fs_hz, name="simulated")


def _check(found: Parity, options: ExportConfig) -> None:
    """Refuse an export that says something else.

    Raises:
        CheckpointError: saying by how much.
    """
    if options.quantize is Quantize.int8:
        return  # rounded weights say something else: how much is reported
    worst = max(found.largest, found.states or 0.0)
    if not worst <= options.tolerance or not found.same:
        raise CheckpointError(
            f"what was exported differs from {options.checkpoint} by {worst:.2g} (at most "
            f"{options.tolerance:g}) and in {found.differ} of {found.marks} annotations; "
            "nothing was written. Report this network"
        )


def _lines(found: Parity, options: ExportConfig, recording: Recording | None) -> list[str]:
    place = "a simulated recording" if recording is None else recording.place
    carried = "" if found.states is None else f", states over parts to {found.states:.1g}"
    agreement = f"{found.marks - found.differ} of {found.marks} annotations of {place} are the same"
    return [
        f"agreement      outputs to {found.largest:.1g}{carried}; {agreement}",
        f"speed          {found.speed:.2f} times that of torch, one thread",
    ]
