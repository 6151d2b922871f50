"""Lobachevsky University Database: 200 records of 10 s, 12 leads, 500 Hz, waves marked in every lead."""

from ecgrnn.data.databases.database import ODC_BY, Database

_LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")

LUDB = Database(
    name="ludb",
    title="Lobachevsky University Electrocardiography Database",
    version="1.0.1",
    slug="ludb",
    n_records=200,
    marker="data/1.hea",
    leads=_LEADS,
    fs_hz=500.0,
    licence=ODC_BY,
    citation=(
        "Kalyakulina AI et al. LUDB: a new open-access validation tool for electrocardiogram delineation "
        "algorithms. IEEE Access 8:186181-186190, 2020. doi:10.1109/ACCESS.2020.3029211"
    ),
    records=tuple(f"data/{number}" for number in range(1, 201)),
    annotators=_LEADS,
    remote_files=r"data/\d+\.(?:hea|dat|iii|ii|i|av[rlf]|v[1-6])|RECORDS|ANNOTATORS|ludb\.csv",
)
