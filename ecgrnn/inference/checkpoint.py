"""Checkpoints as plain data: what goes in beside the weights, and how a model comes back out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgrnn.errors import CheckpointError, DataError, EcgrnnError, MisfitError
from ecgrnn.models import checkpoint_path
from ecgrnn.options.networks import read_network
from ecgrnn.tasks import read_task
from ecgrnn.tasks.facts import Facts, read_facts
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import Network

if TYPE_CHECKING:
    from torch import Tensor, nn

EXPORTED = ".onnx"
"""Ending of an exported model, which is read without torch."""

_WEIGHTS_PREFIX = "network."


@contextmanager
def preprocessing_of_checkpoint() -> Iterator[None]:
    """Say inside of a record that does not fit the filters what helps where a checkpoint has fixed them.

    Raises:
        DataError: in place of the advice to change an option of training.
    """
    try:
        yield
    except MisfitError as error:
        raise DataError(
            f"{error.reason}; the checkpoint fixes the preprocessing: give a recording of a higher "
            "sampling frequency, or a checkpoint trained with other filters"
        ) from None


def load_model(name_or_path: str | Path, *, threads: int | None = 1) -> TrainedModel:
    """Rebuild a trained model from a checkpoint, without executing anything in the file.

    Args:
        name_or_path: a model that comes with the package, such as ``beats``, or a checkpoint:
            ``checkpoints/best.ckpt`` or ``last.ckpt`` of a training's run folder, or what ``export`` made
            of it, ``model.onnx``.
        threads: threads of an operation of an exported model; None leaves it to ONNX Runtime. Those of torch
            are set for the whole process.

    Raises:
        CheckpointError: when the file is missing, is not a checkpoint, or is from another version.
    """
    path = checkpoint_path(name_or_path)
    if path.suffix == EXPORTED:
        from ecgrnn.inference.exported import load_exported

        return load_exported(path, threads=threads)
    from ecgrnn.tasks.checkpoint_bounds import no_larger_than
    from ecgrnn.tasks.checkpoint_file import read_checkpoint

    checkpoint = read_checkpoint(path)
    plain = checkpoint["ecgrnn"]
    try:
        facts = read_facts(plain)
        task, config = read_task(facts.task), read_network(facts.network)
        with no_larger_than(checkpoint["state_dict"]):
            network = task.network(config, signal=facts.signal, n_classes=len(facts.scheme.classes))
        network.load_state_dict(_network_weights(checkpoint["state_dict"], network))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, EcgrnnError) as error:
        raise CheckpointError(
            f"{path} cannot be rebuilt ({error}); it was written by ecgrnn "
            f"{plain.get('versions', {}).get('ecgrnn', 'of unknown version')}: train again with this version"
        ) from error
    return trained_model(facts, plain, network=network.eval())


def trained_model(facts: Facts, plain: Mapping[str, Any], *, network: Network) -> TrainedModel:
    """Put a network and its facts together.

    Args:
        facts: the facts.
        plain: the same as plain data.
        network: the network, its weights loaded.
    """
    # Other records may have another frequency than those that were trained on as they were.
    prepared = facts.preprocessing
    asked_for = tuple((lead,) for lead in prepared.leads or ())
    return TrainedModel(
        network=network,
        task=read_task(facts.task),
        signal=facts.signal,
        scheme=facts.scheme,
        data=facts.data,
        preprocessing=prepared if prepared.fs_hz is not None else replace(prepared, fs_hz=facts.signal.fs_hz),
        trained_leads=facts.trained_leads or asked_for,  # an older checkpoint says no more
        trained=facts,
        facts=plain,
    )


def _network_weights(state: Mapping[str, Any], network: "nn.Module") -> dict[str, "Tensor"]:
    """Give the network's weights; loading would turn integers into weights without a word.

    Raises:
        ValueError: a tensor holds another kind of number than the network's, or is none.
    """
    from torch import Tensor

    weights = {
        name.removeprefix(_WEIGHTS_PREFIX): tensor
        for name, tensor in state.items()
        if name.startswith(_WEIGHTS_PREFIX)
    }
    for name, own in network.state_dict().items():
        found = weights.get(name, own)
        if not isinstance(found, Tensor) or found.is_floating_point() != own.is_floating_point():
            raise ValueError(f"{name} holds {getattr(found, 'dtype', type(found).__name__)}, not {own.dtype}")
    return weights
