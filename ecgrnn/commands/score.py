"""Command ``score``: compare any two annotators of any records by ANSI/AAMI EC57."""

from pathlib import Path

from ecgrnn.commands.stages import say
from ecgrnn.metrics.ec57.scores import score_records
from ecgrnn.options.commands import ScoreConfig
from ecgrnn.tasks.score_files import read_pairs, write_scores


def run(options: ScoreConfig) -> None:
    """Score as the options say; reports go into the run folder, the summary to the screen."""
    run_dir = Path(options.run_dir)
    pairs = read_pairs(
        Path(options.reference).expanduser(),
        Path(options.test).expanduser(),
        annotators=(options.reference_annotator, options.test_annotator),
        records=options.records,
        start_s=options.start_s,
    )
    scores = score_records(
        pairs,
        reference_annotator=options.reference_annotator,
        test_annotator=options.test_annotator,
        start_s=options.start_s,
        stop_s=options.stop_s,
        window_s=options.window_s,
    )
    written = write_scores(run_dir, scores)
    say("scheme      bxb (escape beats e, j, n count as S)")
    for name, text in scores.texts().items():
        if name.endswith("sumstats.txt"):
            say(text)
    for name in written:
        say(f"written     {run_dir / name}")
