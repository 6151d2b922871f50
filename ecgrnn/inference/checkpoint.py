"""Checkpoints as plain data: what goes in beside the weights, and how a model comes back out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ecgrnn.data.splits.split import SUBSETS, Split
from ecgrnn.errors import CheckpointError, DataError, EcgrnnError, MisfitError
from ecgrnn.options.data import DataConfig, PreprocessingConfig
from ecgrnn.options.networks import read_network
from ecgrnn.options.spec import LabelScheme, SignalSpec, from_plain
from ecgrnn.tasks import read_task, task_of
from ecgrnn.tasks.checkpoint_file import read_checkpoint
from ecgrnn.tasks.model import TrainedModel

_WEIGHTS_PREFIX = "network."


_LOWEST_HZ, _HIGHEST_HZ = 1.0, 100_000.0


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


def load_model(path: Path) -> TrainedModel:
    """Rebuild a trained model from a checkpoint, without running anything the file says.

    Args:
        path: the checkpoint, ``checkpoints/best.ckpt`` or ``last.ckpt`` of a training's run folder.

    Raises:
        CheckpointError: when the file is missing, is no checkpoint, or is from another version.
    """
    checkpoint = read_checkpoint(path)
    facts = checkpoint["ecgrnn"]
    try:
        network_config = read_network(facts["network"])
        signal = from_plain(SignalSpec, facts["signal"])
        scheme = from_plain(LabelScheme, facts["scheme"])
        _check_facts(facts, signal, scheme)
        task = task_of(read_task(facts["task"]))
        network = task.network(network_config, signal=signal, n_classes=len(scheme.classes))
        network.load_state_dict(_network_weights(checkpoint["state_dict"], network))
        return TrainedModel(
            network=network.eval(),
            network_config=network_config,
            task=task,
            signal=signal,
            scheme=scheme,
            data=from_plain(DataConfig, facts["data"]),
            preprocessing=_preprocessing(facts, signal),
            split=facts["split"],
            fingerprint=facts["fingerprint"],
            facts=facts,
            trained_leads=_trained_leads(facts),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, EcgrnnError) as error:
        raise CheckpointError(
            f"{path} cannot be rebuilt ({error}); it was written by ecgrnn "
            f"{facts.get('versions', {}).get('ecgrnn', 'of unknown version')}: train again with this version"
        ) from error


def _preprocessing(facts: Mapping[str, Any], signal: SignalSpec) -> PreprocessingConfig:
    """Give the preprocessing, at the frequency that the network reads: other records may have another."""
    config = from_plain(PreprocessingConfig, facts["preprocessing"])
    return config if config.fs_hz is not None else replace(config, fs_hz=signal.fs_hz)


def _trained_leads(facts: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Give the names of the leads that were trained on; an older checkpoint has those that were asked for."""
    named = [[lead] for lead in facts["preprocessing"].get("leads") or ()]
    return tuple(tuple(names) for names in facts.get("trained_leads", named))


def _check_facts(facts: Mapping[str, Any], signal: SignalSpec, scheme: LabelScheme) -> None:
    """Refuse facts that are there but cannot be true.

    Raises:
        ValueError: naming the fact and its value.
        SplitError: the split is none.
    """
    if not _LOWEST_HZ <= signal.fs_hz <= _HIGHEST_HZ:
        raise ValueError(f"signal.fs_hz={signal.fs_hz:g} is no sampling frequency of an ECG")
    if not signal.leads or signal.unit != "mV":
        raise ValueError(f"signal has {len(signal.leads)} leads in {signal.unit!r}; expected some in mV")
    unknown = set(scheme.symbols.values()) - set(scheme.classes)
    if not scheme.classes or len(set(scheme.classes)) < len(scheme.classes) or unknown:
        raise ValueError(f"scheme.classes={list(scheme.classes)} are not the classes of its symbols")
    Split.from_manifest(facts["split"])
    for subset in SUBSETS:
        counts = facts["counts"][subset]
        if set(counts) != set(scheme.classes) or not all(_is_count(count) for count in counts.values()):
            raise ValueError(f"counts.{subset}={counts!r:.80} are not the numbers of items of each class")
    if not isinstance(facts["fingerprint"], str) or not _is_count(facts["seed"]):
        raise ValueError(f"fingerprint={facts['fingerprint']!r:.40} or seed={facts['seed']!r:.40} is none")


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _network_weights(state: Mapping[str, Any], network: nn.Module) -> dict[str, Tensor]:
    """Give the network's weights; loading would turn integers into weights without a word.

    Raises:
        ValueError: a tensor holds another kind of number than the network's, or is none.
    """
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
