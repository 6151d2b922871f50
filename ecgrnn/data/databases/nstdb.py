"""MIT-BIH Noise Stress Test Database: records 118 and 119 of mitdb with noise, 30 min, two leads, 360 Hz."""

from ecgrnn.data.databases.database import ODC_BY, Database, with_records_below

_DB = ("24", "18", "12", "06", "00", "_6")
_NOISY = {f"{record}e{db}": record for record in ("118", "119") for db in _DB}

NSTDB = Database(
    name="nstdb",
    title="MIT-BIH Noise Stress Test Database",
    version="1.0.0",
    slug="nstdb",
    n_records=15,
    marker="em.hea",
    leads=("MLII", "V1"),
    fs_hz=360.0,
    licence=ODC_BY,
    citation=(
        "Moody GB, Muldrow WE, Mark RG. A noise stress test for arrhythmia detectors. "
        "Computers in Cardiology 11:381-384, 1984. doi:10.13026/C2HS3T"
    ),
    records=(*_NOISY, "bw", "em", "ma"),
    patients=_NOISY,
    excerpt_of={noisy: ("mitdb", record) for noisy, record in _NOISY.items()},
    annotators=("atr",),
    exclusions=dict.fromkeys(("bw", "em", "ma"), "noise without a heart beat"),
    default_scored_split="all",
    remote_files=r"(?:11[89]e(?:24|18|12|06|00|_6)\.(?:hea|dat|atr)|(?:bw|em|ma)\.(?:hea|dat))|RECORDS",
    read=with_records_below,
)
