"""MIT-BIH Supraventricular Arrhythmia Database: 78 records of 30 min, two leads, 128 Hz, beats marked."""

from ecgrnn.data.databases.database import ODC_BY, Database, with_records_below

SVDB = Database(
    name="svdb",
    title="MIT-BIH Supraventricular Arrhythmia Database",
    version="1.0.0",
    slug="svdb",
    n_records=78,
    marker="800.hea",
    leads=("ECG1", "ECG2"),
    fs_hz=128.0,
    licence=ODC_BY,
    citation=(
        "Greenwald SD. Improved detection and classification of arrhythmias in noise-corrupted "
        "electrocardiograms using contextual information. PhD thesis, Harvard-MIT Division of Health "
        "Sciences and Technology, 1990. doi:10.13026/C2V30W"
    ),
    records=tuple(str(number) for number in (*range(800, 813), *range(820, 830), *range(840, 895))),
    annotators=("atr",),
    # It is small enough to be tested on as a whole, and no division of it is published.
    default_scored_split="all",
    remote_files=r"\d{3}\.(?:hea|dat|atr)|RECORDS",
    # Copies with a part of the records are in use; their RECORDS file says which.
    read=with_records_below,
)
