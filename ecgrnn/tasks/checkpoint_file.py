"""A checkpoint file read with suspicion: whole, plain data, its weights finite and those that were saved."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ecgrnn.errors import CheckpointError
from ecgrnn.tasks.checkpoint_bounds import archive_fault, content_fault
from ecgrnn.tasks.facts import FORMAT

DIGESTS = "ecgrnn_weight_digests"
"""Key of the digests of the weights: written when they are saved, compared when they are read."""


_WEIGHTS = "state_dict"


_TRAINED = (_WEIGHTS, "optimizer_states", "current_model_state")
"""What training computes and continues from: nothing in it is ever infinite."""


def read_plain(path: Path) -> Any:
    """Read a file of plain data without running anything it says, and check that it is what was written.

    The checksum of every part of the archive is compared: torch does not do that. Weights are compared with
    the digests that stand beside them, where there are any: an older checkpoint has none. Neither the file
    nor what it stands for is unpacked where it takes more room than the file itself.

    Raises:
        CheckpointError: the file is damaged or no checkpoint, or its weights are not finite or not those
            that were saved.
    """
    try:
        fault = archive_fault(path)
        content = None if fault else torch.load(path, map_location="cpu", weights_only=True)
        fault = fault or content_fault(content, file_bytes=path.stat().st_size)
    except Exception as error:  # whatever the bytes of a file that is none lead the reader to
        raise CheckpointError(_refusal(path, "")) from error
    if fault:
        raise CheckpointError(_refusal(path, f" ({fault})"))
    if isinstance(content, dict) and isinstance(content.get(_WEIGHTS), dict):
        _check_weights(path, content)
    return content


def weight_digests(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Give a hash of each named tensor: of its type, shape and values."""
    return {name: _digest(tensor) for name, tensor in weights.items()}


def first_not_finite(checkpoint: Mapping[str, Any]) -> str | None:
    """Name the first tensor of weights or of the optimiser's state that holds a NaN or an infinity."""
    for key in _TRAINED:
        for name, tensor in _tensors(checkpoint.get(key), key):
            if not bool(torch.isfinite(tensor).all()):
                return name.removeprefix(f"{_WEIGHTS}.")
    return None


def _check_weights(path: Path, checkpoint: Mapping[str, Any]) -> None:
    name = first_not_finite(checkpoint)
    if name is not None:
        raise CheckpointError(
            f"{path} cannot be used: {name} holds numbers that are not finite, so the training diverged or "
            "the file was changed. Use a checkpoint from before that, or train again with a lower "
            "optimizer.learning_rate"
        )
    digests = checkpoint.get(DIGESTS)
    expected = digests if isinstance(digests, dict) else {}
    weights = {name: value for name, value in checkpoint[_WEIGHTS].items() if isinstance(value, Tensor)}
    changed = [name for name in weights if name in expected and expected[name] != _digest(weights[name])]
    if changed:
        raise CheckpointError(
            f"{path} is damaged: {changed[0]} is not what was saved (its digest differs). Copy the "
            "checkpoint again from where it was trained"
        )


def _digest(tensor: Tensor) -> str:
    plain = tensor.detach().cpu().contiguous()
    hashed = hashlib.blake2b(f"{plain.dtype} {tuple(plain.shape)}".encode(), digest_size=16)
    hashed.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def _tensors(tree: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Walk through all tensors below a part of a checkpoint."""
    if isinstance(tree, Tensor):
        yield name, tree
    elif isinstance(tree, Mapping):
        for key, part in tree.items():
            yield from _tensors(part, f"{name}.{key}")
    elif isinstance(tree, list | tuple):
        for index, part in enumerate(tree):
            yield from _tensors(part, f"{name}.{index}")


def _refusal(path: Path, detail: str) -> str:
    return (
        f"{path} is not a checkpoint of plain data, or is damaged{detail}; nothing in it was run. "
        "Give checkpoints/best.ckpt of a training run"
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint's plain data.

    Raises:
        CheckpointError: when the file is missing or damaged, is not a checkpoint of this application, or
            holds weights that are not finite.
    """
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint {path}; training writes RUN_DIR/checkpoints/best.ckpt and last.ckpt"
        )
    checkpoint = read_plain(path)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("ecgrnn"), dict):
        raise CheckpointError(f"{path} holds weights, but not those of ecgrnn: it has no 'ecgrnn' entry")
    found = checkpoint["ecgrnn"].get("format")
    if found != FORMAT:
        raise CheckpointError(f"{path} has format {found}; this version reads format {FORMAT}")
    return checkpoint
