"""Exports a network as a program of torch.export: batches of any number of rows, of one length.

Recurrent layers are written out step by step in such a program, so that its length is fixed; shorter rows are
padded and told by their lengths. The file is written and never read by ecgrnn: reading one unpickles.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from ecgrnn.errors import CheckpointError, DataError
from ecgrnn.export.parity import LONGEST_BEATS, Batch, random_batch, torch_network, torch_outputs, window_of
from ecgrnn.networks.labeller import Labeller
from ecgrnn.tasks.model import TrainedModel

_ROWS = (2, 1, 7)
"""Rows that are traced first, then those that are compared."""

_MOST_ROWS = 4096
_SEED = 0


class _Outputs(nn.Module):
    """A labeller's scores alone."""

    def __init__(self, labeller: Labeller) -> None:
        super().__init__()
        self.labeller = labeller

    def forward(self, signal: Tensor, lengths: Tensor) -> Tensor:
        """Give the scores."""
        return self.labeller.outputs(signal, lengths)


def export_torch(model: TrainedModel, out: Path, *, tolerance: float) -> list[str]:
    """Write a model's network as a program of torch.export.

    Args:
        model: the model.
        out: the file.
        tolerance: largest difference allowed between outputs.

    Returns:
        What the user is told, line by line.

    Raises:
        CheckpointError: torch cannot export the network, or the program says something else.
        DataError: the file cannot be written.
    """
    module = torch_network(model)
    rng = np.random.default_rng(_SEED)
    window = window_of(model)
    first, *others = (random_batch(module, model, rows, window=window, rng=rng) for rows in _ROWS)
    program = _traced(module, first)
    largest = max(_distance(module, program, batch) for batch in others)
    if not largest <= tolerance:
        raise CheckpointError(
            f"the exported program differs from the checkpoint by {largest:.2g} (at most {tolerance:g}); "
            "nothing was written. Report this network"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as beside:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of weights that torch finds in two places
                torch.export.save(program, Path(beside) / out.name)
            (Path(beside) / out.name).replace(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}); name another file with out=") from error
    length = first[0].shape[1]
    what = "beats" if length == LONGEST_BEATS and first[0].ndim == 5 else "samples"
    return [
        f"exported       {out}, {out.stat().st_size / 1000:.0f} kB",
        f"agreement      outputs to {largest:.1g} on batches of 1 and 7 rows",
        f"length         {length} {what} a row, shorter ones padded and told by lengths",
    ]


def _traced(module: nn.Module, batch: Batch) -> ExportedProgram:
    """Trace a network.

    Raises:
        CheckpointError: torch cannot export it.
    """
    inputs = _tensors(module, batch)
    rows = Dim("rows", min=1, max=_MOST_ROWS)
    shown = _Outputs(module) if isinstance(module, Labeller) else module
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of its own recurrent layers
            return torch.export.export(
                shown.eval(), inputs, dynamic_shapes=tuple({0: rows} for _ in inputs), strict=False
            )
    except Exception as error:  # torch.export raises errors of many kinds
        raise CheckpointError(
            f"torch.export cannot export this network ({error!s:.200}); take format=onnx"
        ) from error


def _distance(module: nn.Module, program: ExportedProgram, batch: Batch) -> float:
    with torch.inference_mode():
        found = program.module()(*_tensors(module, batch)).numpy()
    return float(np.abs(found - torch_outputs(module, *batch)).max())


def _tensors(module: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """Give what the network reads: a labeller reads no features."""
    signal, lengths, features = (torch.from_numpy(part) for part in batch)
    return (signal, lengths) if isinstance(module, Labeller) else (signal, lengths, features)
