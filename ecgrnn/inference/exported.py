"""An exported model: facts checked as a checkpoint's are, a graph run by ONNX Runtime, and no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ecgrnn.errors import CheckpointError, EcgrnnError
from ecgrnn.inference.onnx_file import ABOUT, DIGEST, FACTS, OnnxFile, read_onnx
from ecgrnn.options.spec import from_plain
from ecgrnn.tasks.facts import FORMAT, Facts, read_facts
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import ExportedNetwork

_INPUTS = ("signal", "lengths", "features")
State = Mapping[str, NDArray[np.float32]]
"""The state of a network that reads forwards only, by the names of its inputs."""

_MOST_DIGITS = 19
_LONGEST = 64_000_000
"""Characters of the facts: those of a database of 20,000 records are some 4 million."""


@dataclass(frozen=True)
class About:
    """What an export says of itself.

    Attributes:
        weights: how many numbers the network has learned.
        quantize: ``int8`` where its weights are whole numbers; else ``none``.
        beside: arrays that are not in the graph, as lists of rows.

    Raises:
        ValueError: it cannot be true.
    """

    weights: int
    quantize: str = "none"
    beside: Mapping[str, list[list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.weights < 0:
            raise ValueError(f"weights={self.weights} cannot be")


class OnnxNetwork(ExportedNetwork):
    """A graph, run by ONNX Runtime on the processor.

    Args:
        content: the file.
        about: what the export says of itself.
        threads: threads of an operation; None leaves it to ONNX Runtime.

    Raises:
        CheckpointError: ONNX Runtime is not installed.
        ValueError: ONNX Runtime refuses the graph, or it has not the inputs of a network of ours.
    """

    def __init__(self, content: bytes, about: About, *, threads: int | None) -> None:
        ort = _onnxruntime()
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no class of their own
            raise ValueError(f"ONNX Runtime refuses it: {error!s:.200}") from error
        self.names = [one.name for one in self._session.get_inputs()]
        if tuple(self.names) not in (_INPUTS, _INPUTS[:2]):
            raise ValueError(f"it reads {', '.join(self.names)}")
        self.n_weights = about.weights
        self.beside = {name: _beside(rows) for name, rows in about.beside.items()}

    @property
    def carries_state(self) -> bool:
        """Whether a batch can continue another one: the network reads forwards only."""
        return len(self._session.get_outputs()) > 1

    @property
    def n_classes(self) -> object:
        """How many classes it gives, or the name of an axis."""
        return self._session.get_outputs()[0].shape[-1]

    def read(self, *arrays: NDArray[Any]) -> NDArray[np.float32]:
        """Give the outputs for a batch, read from the initial state.

        Raises:
            CheckpointError: ONNX Runtime cannot compute them from these.
        """
        return self.read_on({}, *arrays)[0]

    def read_on(self, state: State, *arrays: NDArray[Any]) -> tuple[NDArray[np.float32], State]:
        """Give the outputs for a batch that continues another one, and the state behind it.

        Args:
            state: what this gave for the batch before; nothing for the initial state, or of a network that
                reads backwards, too.
            arrays: the batch.

        Raises:
            CheckpointError: ONNX Runtime cannot compute them from these.
        """
        given = dict(zip(self.names, arrays, strict=False)) | dict(state)
        try:
            first, *last = self._session.run(None, given)
            names = [one.name.replace("last_", "state_") for one in self._session.get_outputs()[1:]]
            return np.asarray(first, np.float32), dict(zip(names, last, strict=True))
        except Exception as error:  # as above
            raise CheckpointError(
                f"the exported network cannot read this signal ({error!s:.200}); export the checkpoint again"
            ) from error


def load_exported(path: Path, *, threads: int | None = 1) -> TrainedModel:
    """Rebuild a model from what ``export`` wrote.

    Args:
        path: the file.
        threads: threads of an operation; None leaves it to ONNX Runtime.

    Raises:
        CheckpointError: the file is missing, damaged, hostile, or from another version, or ONNX Runtime is
            not installed.
    """
    from ecgrnn.inference.checkpoint import trained_model

    file = read_onnx(path)
    try:
        plain, about = _plain(file, FACTS), from_plain(About, _plain(file, ABOUT))
        if plain.get("format") != FORMAT:
            raise ValueError(f"it has format {plain.get('format')!r:.20}; this version reads {FORMAT}")
        if file.facts.get(DIGEST) != file.digest:
            raise ValueError("it is not what was exported: its digest differs")
        facts = read_facts(plain)
        network = OnnxNetwork(file.content, about, threads=threads)
        _check_classes(network, facts)
        return trained_model(facts, plain, network=network)
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, EcgrnnError) as error:
        raise CheckpointError(
            f"{path} cannot be rebuilt ({error}); nothing in it was run. Export it again: "
            "python -m ecgrnn export checkpoint=..."
        ) from error


def _check_classes(network: OnnxNetwork, facts: Facts) -> None:
    if network.n_classes != len(facts.scheme.classes):
        raise ValueError(
            f"its graph gives {network.n_classes} classes, its facts name {len(facts.scheme.classes)}"
        )


def _plain(file: OnnxFile, name: str) -> dict[str, Any]:
    """Read facts as plain data; nothing that JSON has and a checkpoint has not.

    Raises:
        ValueError: they are missing, or are none.
    """
    text = file.facts.get(name, "")
    if not text or len(text) > _LONGEST:
        raise ValueError(f"it has no facts {name!r}" if not text else f"its facts {name!r} are far too long")
    plain = json.loads(text, parse_int=_whole, parse_constant=_no_number)
    if not isinstance(plain, dict):
        raise ValueError(f"its facts {name!r} are no table")
    return plain


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _beside(rows: list[list[float]]) -> NDArray[np.float32]:
    array = np.array(rows, np.float32)
    return array[0] if len(array) == 1 else array


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise CheckpointError(
            "an exported model is run by ONNX Runtime, which is not installed: pip install 'ecgrnn[onnx]'"
        ) from error
    return onnxruntime
