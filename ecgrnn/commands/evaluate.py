"""Command ``evaluate``: score a checkpoint on held-out records, and compare it with another one."""

from pathlib import Path

from ecgrnn.commands.stages import Stages, say
from ecgrnn.config import EvaluateConfig
from ecgrnn.evaluation.results import evaluate_checkpoint
from ecgrnn.evaluation.write import training_curves, training_seconds, write_results


def run(options: EvaluateConfig) -> None:
    """Evaluate as the options say; everything is written into the run folder."""
    run_dir, checkpoint = Path(options.run_dir), Path(options.checkpoint)
    stages = Stages()
    with stages.timed("evaluate"):
        results = evaluate_checkpoint(options, curves=training_curves(checkpoint))
    with stages.timed("report"):
        write_results(results, run_dir=run_dir, seconds=training_seconds(checkpoint))
    for check in results.audit.checks:
        say(f"{'proved' if check.passed else 'not looked at':<14} {check.name}: {check.detail}")
    say(f"took           {', '.join(f'{stage} {taken:.1f} s' for stage, taken in stages.seconds.items())}")
    say(f"results        {run_dir / 'summary.json'}")
    say(f"report         {run_dir / 'report.html'}")
