"""A trained model as one ONNX file: its graph, and beside it all that prediction needs."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper

from ecgrnn.export.networks import Network, network_graph
from ecgrnn.export.parity import torch_network, window_of
from ecgrnn.inference.onnx_file import ABOUT, DIGEST, FACTS, read_onnx
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.running import n_weights

LICENCE = "Apache-2.0"
"""Of the weights of the models that come with the package; a card may say more."""


def onnx_model(model: TrainedModel, *, card: str) -> ModelProto:
    """Turn a model into an ONNX model.

    Args:
        model: the model.
        card: text of its model card; empty where there is none.

    Raises:
        CheckpointError: ONNX has no such network, or no such layer.
    """
    made = network_graph(torch_network(model), n_leads=_n_leads(model), window=window_of(model))
    proto = made.graph.model({})
    stamp(proto, _texts(model, card=card), _about(model, made))
    return proto


def stamp(proto: ModelProto, texts: Mapping[str, str], about: Mapping[str, Any]) -> None:
    """Write the facts beside a graph, with the digest of both; what was there is replaced."""
    whole = {**texts, ABOUT: _json(about)}
    _write_props(proto, whole)
    _write_props(proto, {**whole, DIGEST: _digest(proto)})


def _write_props(proto: ModelProto, texts: Mapping[str, str]) -> None:
    del proto.metadata_props[:]
    helper.set_model_props(proto, dict(texts))


def _digest(proto: ModelProto) -> str:
    """Give the digest by which a file is known to be whole when it is read."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        file.write_bytes(proto.SerializeToString(deterministic=True))
        return read_onnx(file).digest


def about_of(proto: ModelProto) -> dict[str, Any]:
    """Give what an export says of itself."""
    texts = {one.key: one.value for one in proto.metadata_props}
    about: dict[str, Any] = json.loads(texts[ABOUT])
    return about


def texts_of(proto: ModelProto) -> dict[str, str]:
    """Give what else stands beside a graph."""
    return {one.key: one.value for one in proto.metadata_props if one.key not in (ABOUT, DIGEST)}


def _n_leads(model: TrainedModel) -> int:
    """Count the leads of the signal; 0 where the network reads any number."""
    return len(model.signal.leads) if model.task.chooses_leads else 0


def _about(model: TrainedModel, made: Network) -> dict[str, Any]:
    beside = {name: _rows(array) for name, array in made.beside.items()}
    return {"weights": n_weights(model.network), "quantize": "none", "beside": beside}


def _rows(array: NDArray[np.float32]) -> list[list[float]]:
    rows: list[list[float]] = np.atleast_2d(array).astype(np.float64).tolist()
    return rows


def _texts(model: TrainedModel, *, card: str) -> dict[str, str]:
    """Give what stands beside the graph: for a program the facts as JSON, for a reader what they come to."""
    facts = model.facts
    columns = [" or ".join(names[:4]) for names in model.trained_leads]
    return {
        FACTS: _json(facts),
        "task": model.task.name,
        "classes": ", ".join(model.scheme.classes),
        "fs_hz": f"{model.signal.fs_hz:g}",
        "leads": "any number" if not _n_leads(model) else ", ".join(columns) or f"{_n_leads(model)}",
        "preprocessing": _json(facts["preprocessing"]),
        "license": LICENCE,
        "model_card": card,
    }


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
