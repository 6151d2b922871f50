"""MIT-BIH Arrhythmia Database: 48 records of 30 min, two leads, 360 Hz, beats and rhythms marked."""

from ecgrnn.data.databases.database import ODC_BY, Database, PublishedSplit

DS1 = tuple(
    str(number)
    for number in (
        *(101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124),
        *(201, 203, 205, 207, 208, 209, 215, 220, 223, 230),
    )
)
DS2 = tuple(
    str(number)
    for number in (
        *(100, 103, 105, 111, 113, 117, 121, 123),
        *(200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234),
    )
)
"""DS1 and DS2: de Chazal P, O'Dwyer M, Reilly RB. Automatic classification of heartbeats using ECG morphology
and heartbeat interval features. IEEE Trans Biomed Eng 51(7):1196-1206, 2004."""

_DE_CHAZAL = "de Chazal et al., IEEE Trans Biomed Eng 51(7):1196-1206, 2004"
_SAME_MAN = (
    "201 (training set) and 202 (test) are the same man: the published division counts records, not "
    f"patients ({_DE_CHAZAL}); data.split=ds1ds2_strict leaves 201 out"
)
_STRICT = (
    "DS1 without 201, who is the man of 202 in DS2; DS2 is whole, so that figures are over the same beats as "
    f"published ones ({_DE_CHAZAL})"
)
_PACED = "paced; left out as AAMI EC57 recommends"

# The numbers between 100 and 234 that no record has.
_GAPS = {110, 120, *range(125, 200), 204, 206, 211, 216, 218, *range(224, 228), 229}

MITDB = Database(
    name="mitdb",
    title="MIT-BIH Arrhythmia Database",
    version="1.0.0",
    slug="mitdb",
    n_records=48,
    marker="100.hea",
    leads=("MLII", "V1", "V2", "V4", "V5"),
    fs_hz=360.0,
    licence=ODC_BY,
    citation=(
        "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. "
        "IEEE Eng in Med and Biol 20(3):45-50, 2001. doi:10.13026/C2F305"
    ),
    records=tuple(str(number) for number in range(100, 235) if number not in _GAPS),
    # The header of 202 says that it was taken from the same analogue tape as 201.
    patients={"202": "201"},
    annotators=("atr",),
    exclusions=dict.fromkeys(("102", "104", "107", "217"), _PACED),
    default_split="ds1ds2",
    splits={
        "ds1ds2": PublishedSplit(DS1, DS2, overlaps={("201", "202"): _SAME_MAN}),
        # Leaving 202 out instead would keep more training beats, but change what the figures are over.
        "ds1ds2_strict": PublishedSplit(
            tuple(record for record in DS1 if record != "201"), DS2, notes=(_STRICT,)
        ),
    },
    remote_files=r"\d{3}\.(?:hea|dat|atr)|RECORDS",
)
