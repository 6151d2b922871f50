"""Long Term AF Database: 84 records of about a day, two leads, 128 Hz, beats and rhythms marked."""

from ecgrnn.data.databases.database import ODC_BY, Database, with_records_below

LTAFDB = Database(
    name="ltafdb",
    title="Long Term AF Database",
    version="1.0.0",
    slug="ltafdb",
    n_records=84,
    marker="00.hea",
    leads=("ECG",),  # both leads of each record are called so
    fs_hz=128.0,
    licence=ODC_BY,
    citation=(
        "Petrutiu S, Sahakian AV, Swiryn S. Abrupt changes in fibrillatory wave characteristics at the "
        "termination of paroxysmal atrial fibrillation in humans. Europace 9:466-470, 2007. "
        "doi:10.13026/C2QG6Q"
    ),
    annotators=("atr",),
    # .qrs has what a detector found, all of it written as N; .atr tells N, A, V and Q apart, no fusion.
    unnamed_beats=("qrs",),
    lacks=("F",),
    default_scored_split="all",
    remote_files=r"\d{2,3}\.(?:hea|dat|atr)|RECORDS",
    read=with_records_below,
)
