"""All that is damaged."""

from pathlib import Path

from recording_subjects import SECONDS, excerpt, recording_subjects
from stored_subjects import corrections, stored_subjects
from subject import Subject

from ecgrnn.simulator.simulate import write_database


def subjects(data: Path | None, work: Path, *, quick: bool = False) -> list[Subject]:
    """Make all subjects.

    Args:
        data: folder with the real databases mitdb, ludb and cinc2017; None takes simulated records.
        work: a folder for what is made on the way.
        quick: leave out those that need torch, which takes seconds to load.
    """
    simulated = work / "simulated"
    write_database(simulated, n_patients=4, seed=0, duration_s=float(SECONDS))
    record = simulated / "s001" if data is None else excerpt(data, work)
    made = [*recording_subjects(record, data, work), *stored_subjects(record, simulated, work)]
    return [one for one in made if not one.slow] if quick else [*made, corrections(record)]
