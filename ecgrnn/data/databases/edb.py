"""European ST-T Database: 90 records of 2 h, two leads, 250 Hz, beats, rhythms and ST changes marked."""

from ecgrnn.data.databases.database import ODC_BY, Database
from ecgrnn.data.databases.from_headers import described_patient, with_patients

EDB = Database(
    name="edb",
    title="European ST-T Database",
    version="1.0.0",
    slug="edb",
    n_records=90,
    marker="e0103.hea",
    leads=("V1", "V2", "V3", "V4", "V5", "MLI", "MLIII", "D3"),
    fs_hz=250.0,
    licence=ODC_BY,
    citation=(
        "Taddei A, Distante G, Emdin M, et al. The European ST-T database: standard for evaluating systems "
        "for the analysis of ST-T changes in ambulatory electrocardiography. Eur Heart J 13:1164-1172, 1992. "
        "doi:10.13026/C2D59Z"
    ),
    annotators=("atr",),
    default_scored_split="all",
    remote_files=r"e\d{4}\.(?:hea|dat|atr)|RECORDS",
    # 79 subjects, whom no file names. Age, sex, findings, drugs and recorder are in the headers: records that
    # agree in all of them are taken for one patient (80 are told apart; e0206 and e0210 differ in age).
    patients={"e0210": "e0206"},
    read=with_patients(described_patient),
)
