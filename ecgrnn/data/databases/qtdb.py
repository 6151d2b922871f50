"""QT Database: 105 records of 15 min, two leads, 250 Hz, mostly parts of other databases; waves marked."""

from ecgrnn.data.databases.database import ODC_BY, Database, with_records_below

_OF_MITDB = (100, 102, 103, 104, 114, 116, 117, 123, 213, 221, 223, 230, 231, 232, 233)
_OF_SVDB = (803, 808, 811, 820, 821, 840, 847, 853, 871, 872, 873, 883, 891)
_OF_EDB = (
    *("0104", "0106", "0107", "0110", "0111", "0112", "0114", "0116", "0121", "0122", "0124", "0126"),
    *("0129", "0133", "0136", "0166", "0170", "0203", "0210", "0211", "0303", "0405", "0406", "0409"),
    *("0411", "0509", "0603", "0604", "0606", "0607", "0609", "0612", "0704"),
)
"""Table 2 of the publication: the record name is ``sel`` and the name in the database it is from."""

QTDB = Database(
    name="qtdb",
    title="QT Database",
    version="1.0.0",
    slug="qtdb",
    n_records=105,
    marker="sel100.hea",
    leads=("MLII", "V1", "V2", "V5", "ECG1", "ECG2"),
    fs_hz=250.0,
    licence=ODC_BY,
    citation=(
        "Laguna P, Mark RG, Goldberg A, Moody GB. A database for evaluation of algorithms for measurement of "
        "QT and other waveform intervals in the ECG. Computers in Cardiology 24:673-676, 1997. "
        "doi:10.13026/C24K53"
    ),
    # As in edb: e0118 to e0122 are one man, and e0123 to e0126 another.
    patients={"sele0122": "sele0121", "sele0126": "sele0124"},
    excerpt_of={
        **{f"sel{number}": ("mitdb", str(number)) for number in _OF_MITDB},
        **{f"sel{number}": ("svdb", str(number)) for number in _OF_SVDB},
        **{f"sele{number}": ("edb", f"e{number}") for number in _OF_EDB},
    },
    # .atr has the beats of the database that a record is from; the 24 of sudden deaths have none.
    annotators=("atr",),
    default_scored_split="all",
    remote_files=r"sel[e\d]\d+\.(?:hea|dat|atr|man|q1c|q2c|pu0|pu1)|RECORDS",
    read=with_records_below,
)
