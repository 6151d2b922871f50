"""Command ``verify``: the written-out cells against NumPy, torch.nn and the fast forms."""

from ecgrnn.commands.stages import say
from ecgrnn.errors import EcgrnnError
from ecgrnn.nn.verification.verify import VerificationRow, verify
from ecgrnn.options.commands import VerifyConfig


def run(options: VerifyConfig) -> None:
    """Print the largest differences, and fail when one is over its tolerance."""
    rows = verify(tolerance=options.tolerance)
    say(f"{'largest difference in float64':<35} {'outputs and states':>25} {'gradients':>25}")
    columns = " ".join(f"{name:>12}" for name in ("NumPy", "torch.nn", "NumPy", "torch.nn"))
    say(f"{'cell':<17} {'layers':>6} {'directions':>10} {columns}")
    for row in rows:
        say(_line(row))
    say("torch.nn has no min_gru or min_lstm: they are compared with the parallel scan")
    say("gru_by_hand is the layer that trains a GRU")
    failed = [row for row in rows if not row.passed]
    if failed:
        raise EcgrnnError(f"{len(failed)} of {len(rows)} comparisons are over {options.tolerance:g}")
    say(f"all {len(rows)} comparisons are within {options.tolerance:g}")


def _line(row: VerificationRow) -> str:
    differences = (row.forward_numpy, row.forward_fused, row.gradient_numpy, row.gradient_fused)
    cells = " ".join(f"{'-' if value is None else f'{value:.1e}':>12}" for value in differences)
    verdict = "" if row.passed else "  over tolerance"
    return f"{row.cell:<17} {row.num_layers:>6} {row.directions:>10} {cells}{verdict}"
