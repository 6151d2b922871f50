"""St Petersburg INCART Arrhythmia Database: 75 records of 30 min, 12 leads, 257 Hz, beats marked."""

from ecgrnn.data.databases.database import ODC_BY, Database
from ecgrnn.data.databases.from_headers import numbered_patient, with_patients

INCARTDB = Database(
    name="incartdb",
    title="St Petersburg INCART 12-lead Arrhythmia Database",
    version="1.0.0",
    slug="incartdb",
    n_records=75,
    marker="I01.hea",
    leads=("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"),
    fs_hz=257.0,
    licence=ODC_BY,
    citation=(
        "Tihonenko V, Khaustov A, Ivanov S, Rivin A, Yakushenko E. St Petersburg INCART 12-lead Arrhythmia "
        "Database. PhysioNet, 2008. doi:10.13026/C2V88N"
    ),
    records=tuple(f"I{number:02d}" for number in range(1, 76)),
    annotators=("atr",),
    default_scored_split="all",
    remote_files=r"I\d{2}\.(?:hea|dat|atr)|RECORDS",
    # The 75 records are parts of 32 Holter recordings; a comment of each header says of which.
    read=with_patients(numbered_patient),
)
