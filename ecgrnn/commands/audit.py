"""Command ``audit``: prove who a checkpoint was trained, validated and tested on."""

from pathlib import Path

from ecgrnn.commands.idle import check_scoring
from ecgrnn.commands.stages import say, say_all
from ecgrnn.evaluation.held_out import audit_model, open_held_out
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.commands import AuditConfig
from ecgrnn.reports.files import write_json, write_text


def run(options: AuditConfig) -> None:
    """Print the proof, write it into the run folder, and fail where it fails."""
    run_dir = Path(options.run_dir)
    model = load_model(options.checkpoint)
    check_scoring(options, model)
    held_out = open_held_out(model, options.data)
    audit = audit_model(model, held_out)
    lines = audit.lines() if options.data.database is None else [*audit.lines(), *held_out.lines("compared")]
    say_all(lines)
    write_text(run_dir / "audit.txt", "\n".join(lines) + "\n")
    write_json(run_dir / "audit.json", audit.to_dict())
    audit.require()
    say(f"written     {run_dir / 'audit.txt'}")
