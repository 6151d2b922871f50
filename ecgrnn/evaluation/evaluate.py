"""A checkpoint scored on held-out records: opened, audited, and handed to its task."""

from collections.abc import Mapping, Sequence

from ecgrnn.errors import ConfigError
from ecgrnn.evaluation.held_out import audit_model, open_held_out, open_second
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.tasks.model import TrainedModel
from ecgrnn.tasks.task import Evaluation, Scored


def evaluation_of(
    model: TrainedModel,
    options: EvaluateConfig,
    *,
    seconds: Mapping[str, float],
    curves: Sequence[Mapping[str, str]] = (),
) -> Evaluation:
    """Open what a model is scored on, and prove that it has not seen it.

    Args:
        model: the model.
        options: what to score it on, and how.
        seconds: time each stage of the training took; empty where that is not known.
        curves: rows of the training's ``metrics.csv``; empty where there is none.

    Raises:
        ConfigError: ``compare`` is given to a task whose models are not compared.
        DataError: a record is not there.
        SplitError: a patient, record or window is in two subsets.
    """
    if options.compare is not None and not model.task.compares:
        raise ConfigError(
            f"compare= takes beat classifiers, and {options.checkpoint} was trained with "
            f"task={model.task.name}; leave compare= out"
        )
    held_out = open_held_out(model, options.data)
    audit = audit_model(model, held_out)
    audit.require()
    second = None if options.compare is None else open_second(options, model, held_out)
    return Evaluation(model, held_out, audit, options, second, seconds, curves)


def score(evaluation: Evaluation) -> Scored:
    """Score a model as its task does, and write the results into the run folder."""
    return evaluation.model.task.score(evaluation)
