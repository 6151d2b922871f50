"""MIT-BIH Atrial Fibrillation Database: 25 records of 10 h, two leads, 250 Hz, rhythms marked."""

from ecgrnn.data.databases.database import ODC_BY, Database, with_records_below

AFDB = Database(
    name="afdb",
    title="MIT-BIH Atrial Fibrillation Database",
    version="1.0.0",
    slug="afdb",
    n_records=25,
    marker="04015.hea",
    leads=("ECG1", "ECG2"),
    fs_hz=250.0,
    licence=ODC_BY,
    citation=(
        "Moody GB, Mark RG. A new method for detecting atrial fibrillation using R-R intervals. "
        "Computers in Cardiology 10:227-230, 1983. doi:10.13026/C2MW2D"
    ),
    annotators=("atr", "qrs"),
    # .atr has rhythms by hand; .qrs has what a detector found, all of it written as N.
    unnamed_beats=("qrs", "qrsc"),
    exclusions=dict.fromkeys(("00735", "03665"), "published without a signal"),
    default_scored_split="all",
    remote_files=r"\d{5}\.(?:hea|dat|atr|qrs)|RECORDS",
    read=with_records_below,
)
