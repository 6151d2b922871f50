"""A checkpoint scored on held-out records: audited, and put together for its task."""

from collections.abc import Mapping, Sequence

from ecgrnn.evaluation.held_out import audit_model, open_second
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.task import Evaluation


def evaluation_of(
    model: TrainedModel,
    held_out: HeldOutRecords,
    options: EvaluateConfig,
    *,
    seconds: Mapping[str, float],
    curves: Sequence[Mapping[str, str]] = (),
) -> Evaluation:
    """Prove that a model has not seen what it is to be scored on.

    Args:
        model: the model.
        held_out: what it is scored on.
        options: how it is scored, and which model it is compared with.
        seconds: time each stage of the training took; empty where that is not known.
        curves: rows of the training's ``metrics.csv``; empty where there is none.

    Raises:
        DataError: a record is not there.
        SplitError: a patient, record or window is in two subsets.
    """
    audit = audit_model(model, held_out)
    audit.require()
    second = None if options.compare is None else open_second(options, model, held_out)
    return Evaluation(model, held_out, audit, options, second, seconds, curves)
