"""The built-in database: patients who do not exist, simulated at the first use."""

from pathlib import Path

from ecgrnn.data.beside import folder_beside, remove_left
from ecgrnn.data.databases.database import Database, with_records_below
from ecgrnn.data.databases.progress import progress_bar
from ecgrnn.errors import DataError, reason_of
from ecgrnn.options.data import DataConfig


def _made_at(data: DataConfig) -> Path:
    """Name the folder of the simulated database."""
    name = f"n{data.n_patients}-{data.duration_s:g}s-seed{data.simulation_seed}"
    return Path(data.root or "data/synthetic").expanduser() / name


def _simulated(data: DataConfig) -> Path:
    """Give the folder of the simulated database, made there when it is not yet."""
    from ecgrnn.simulator.simulate import write_database

    folder = _made_at(data)
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_left(folder.parent)
        with folder_beside(folder) as beside:
            write_database(
                beside / folder.name,
                n_patients=data.n_patients,
                seed=data.simulation_seed,
                duration_s=data.duration_s,
                progress=progress_bar("simulating", "patient"),
            )
            (beside / folder.name).rename(folder)
    except OSError as error:
        # Another process may have been faster; what it wrote is the same, bit by bit.
        if not folder.is_dir():
            raise DataError(
                f"cannot write a database to {folder}: {reason_of(error)}; free the place or set data.root"
            ) from error
    return folder


def _same_seed(first: DataConfig, second: DataConfig) -> bool:
    return first.simulation_seed == second.simulation_seed


SYNTHETIC = Database(
    name="synthetic",
    title="The built-in database: simulated patients, made on the spot",
    version="1",
    slug=None,
    n_records=40,
    marker="s001.hea",
    leads=("MLII", "V1"),
    fs_hz=360.0,
    licence="that of this application",
    citation=(
        "After McSharry PE, Clifford GD, Tarassenko L, Smith LA. A dynamical model for generating synthetic "
        "electrocardiogram signals. IEEE Trans Biomed Eng 50(3):289-294, 2003. doi:10.1109/TBME.2003.808805"
    ),
    records=tuple(f"s{number:03d}" for number in range(1, 41)),
    annotators=("atr", "pqt"),
    own_options=dict.fromkeys(
        ("n_patients", "duration_s", "simulation_seed"), "only data=synthetic is simulated"
    ),
    # As many simulated patients as were asked for.
    read=with_records_below,
    made_at=_made_at,
    place=_simulated,
    same_names=_same_seed,
)
