"""Checkpoints as plain data: what goes in beside the weights, and how a model comes back out."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ecgrnn.build import build_network, network_config_of, task_config_of
from ecgrnn.checkpoint_file import read_plain
from ecgrnn.config import DataConfig, PreprocessingConfig, TaskConfig
from ecgrnn.datasets.split import SIDES, Split
from ecgrnn.errors import CheckpointError, DataError, EcgrnnError, MisfitError
from ecgrnn.network_config import NetworkConfig
from ecgrnn.spec import LabelScheme, SignalSpec, from_plain

FORMAT = 1
"""Raised when the keys of the facts change their meaning."""

_PACKAGES = ("ecgrnn", "torch", "pytorch-lightning", "torchmetrics", "numpy", "scipy", "wfdb")
_WEIGHTS_PREFIX = "network."
_LOWEST_HZ, _HIGHEST_HZ = 1.0, 100_000.0


@dataclass(frozen=True)
class TrainedModel:
    """A network with everything that prediction on a new record needs.

    Attributes:
        network: the network in evaluation mode, its weights loaded.
        network_config: how it is built.
        task: what it was trained for.
        signal: the signal it reads.
        scheme: the classes it tells apart.
        data: the database it was trained on.
        preprocessing: how its signals are prepared; its ``fs_hz`` is that of the training records where the
            training left theirs as it was.
        split: manifest of who was on which side.
        fingerprint: hash of the files it was trained, validated and tested on.
        facts: all of the above and the rest, as the checkpoint holds it.
        trained_leads: for each lead the network reads, the names it had in the training records, the
            commonest first; empty where an older checkpoint does not say.
    """

    network: nn.Module
    network_config: NetworkConfig
    task: TaskConfig
    signal: SignalSpec
    scheme: LabelScheme
    data: DataConfig
    preprocessing: PreprocessingConfig
    split: Mapping[str, Any]
    fingerprint: str
    facts: Mapping[str, Any]
    trained_leads: tuple[tuple[str, ...], ...] = ()


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


def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def load_model(path: Path) -> TrainedModel:
    """Rebuild a trained model from a checkpoint, without running anything the file says.

    Raises:
        CheckpointError: when the file is missing, is no checkpoint, or is from another version.
    """
    checkpoint = read_checkpoint(path)
    facts = checkpoint["ecgrnn"]
    try:
        network_config = network_config_of(facts["network"])
        signal = from_plain(SignalSpec, facts["signal"])
        scheme = from_plain(LabelScheme, facts["scheme"])
        _check_facts(facts, signal, scheme)
        task = task_config_of(facts["task"])
        network = build_network(network_config, task, signal=signal, n_classes=len(scheme.classes))
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
    for side in SIDES:
        counts = facts["counts"][side]
        if set(counts) != set(scheme.classes) or not all(_is_count(count) for count in counts.values()):
            raise ValueError(f"counts.{side}={counts!r:.80} are not the numbers of items of each class")
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


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
