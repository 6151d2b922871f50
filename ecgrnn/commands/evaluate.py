"""Command ``evaluate``: score a checkpoint on held-out records, and compare it with another one."""

from collections.abc import Mapping
from pathlib import Path

from ecgrnn.commands.idle import check_scoring
from ecgrnn.commands.stages import Stages, say, say_all
from ecgrnn.commands.threads import on_threads
from ecgrnn.data.collection import annotation_notes
from ecgrnn.evaluation.evaluate import evaluation_of
from ecgrnn.evaluation.held_out import open_held_out
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.inference.leads import with_leads
from ecgrnn.options.commands import EvaluateConfig
from ecgrnn.tasks.model import HeldOutRecords, TrainedModel
from ecgrnn.tasks.task import Scored
from ecgrnn.training.course import training_curves, training_seconds
from ecgrnn.training.launch import keys_of_evaluation, together


@on_threads
def run(options: EvaluateConfig) -> None:
    """Evaluate as the options say; everything is written into the run folder."""
    model = load_model(options.checkpoint)
    check_scoring(options, model)
    if options.leads:
        model = with_leads(model, options.leads)
    stages = Stages()
    with together(keys_of_evaluation(options.processes)), stages.timed("evaluate"):
        held_out = open_held_out(model, options.data)
        score_model(model, held_out, options, seconds=training_seconds(Path(options.checkpoint)))
    say(f"took        {', '.join(f'{stage} {taken:.1f} s' for stage, taken in stages.seconds.items())}")


def score_model(
    model: TrainedModel,
    held_out: HeldOutRecords,
    options: EvaluateConfig,
    *,
    seconds: Mapping[str, float],
    audited: bool = False,
) -> Scored:
    """Score a model and report: the proof of no leak before any figure, then the figures, then the files.

    Args:
        model: the model.
        held_out: what to score it on.
        options: how.
        seconds: time each stage of the training took.
        audited: the proof was reported before.
    """
    evaluation = evaluation_of(
        model, held_out, options, seconds=seconds, curves=training_curves(Path(options.checkpoint))
    )
    unseen = [f"NOT CHECKED {line}" for line in evaluation.audit.not_checked()]
    proof = unseen if audited else evaluation.audit.verdicts()
    say_all([*proof, *held_out.lines(), *annotation_notes(held_out.test)])
    scored = model.task.score(evaluation)
    say_all(scored.lines)
    for name, file in {"results": "summary.json", "report": "report.html"}.items():
        if (evaluation.run_dir / file).is_file():  # a task may write no report
            say(f"{name:<11} {evaluation.run_dir / file}")
    return scored
