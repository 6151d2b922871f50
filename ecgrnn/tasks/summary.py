"""What every summary of an evaluation contains, whatever the task."""

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from ecgrnn.data.splits.audit import Audit
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.running import n_weights

_PACKAGES = ("ecgrnn", "torch", "pytorch-lightning", "torchmetrics", "numpy", "scipy", "wfdb")


def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


LIMITS = "Research software. Not a medical device, and not to be used for diagnosis or treatment."


def form_summary(
    model: TrainedModel,
    held_out: HeldOutRecords,
    figures: Mapping[str, Any],
    *,
    audit: Audit,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Put the figures of another form than the beat classifier between what every summary says.

    Args:
        model: what was evaluated.
        held_out: on which records.
        figures: what was found.
        audit: which records were used for what.
        seconds: time each stage of the training took.
    """
    return {
        "database": held_out.database,
        "split": held_out.split.name,
        "scheme": model.scheme.name,
        "records": len(held_out.test),
        "record_names": [record.name for record in held_out.test],
        "patients": len({record.patient for record in held_out.test}),
        **figures,
        "audit": audit.to_dict(),
        "model": describe_model(model),
        "limits": LIMITS,
        "seconds": dict(seconds),
        "versions": versions(),
    }


def describe_model(model: TrainedModel) -> dict[str, Any]:
    """Say in plain data what a model is, without where it lies."""
    return {
        "task": model.task.name,
        "network": model.facts["network"],
        "parameters": n_weights(model.network),
        "seed": model.trained.seed,
        "database": model.data.database,
        "split": model.trained.split.name,
        "preprocessing": model.facts["preprocessing"],
        "fingerprint": model.trained.fingerprint,
        "precision": model.trained.precision,
    }
