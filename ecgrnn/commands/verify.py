"""Command ``verify``: the written-out cells against NumPy and torch.nn."""

from ecgrnn.commands.stages import say
from ecgrnn.config import VerifyConfig
from ecgrnn.errors import EcgrnnError
from ecgrnn.nn.verification import verify


def run(options: VerifyConfig) -> None:
    """Print the largest differences, and fail when one is over its tolerance."""
    rows = verify()
    for row in rows:
        say(str(row))
    failed = [row for row in rows if not row.passed]
    if failed:
        raise EcgrnnError(f"{len(failed)} of {len(rows)} comparisons are over tolerance")
    say(f"all {len(rows)} comparisons are within tolerance")
