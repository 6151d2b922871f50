"""What a page is made of in a test: a made recording with annotations, and families without an engine."""

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd

from ecgrnn.signals.recording import Recording

FS_HZ = 100.0


def result_of(
    *,
    seconds: float = 900.0,
    labels: str = "NNNNNNNVNNNVVNNNNNSNNVVVNNFNNNQNNNNNNNNNNNNN",
    rr_s: float = 0.8,
    leads=("MLII", "V5"),
    kinds=("beats", "waves", "rhythms"),
    name: str = "x",
    start: datetime | None = None,
    notes: tuple[str, ...] = (),
) -> SimpleNamespace:
    """A made recording with annotations of the asked kinds, as pandas tables."""
    time_s = np.arange(0.4, seconds - 0.5, rr_s)
    t = np.arange(round(seconds * FS_HZ)) / FS_HZ
    wave = np.interp((t - 0.4) % rr_s, [0.0, 0.03, 0.06, rr_s - 0.03, rr_s], [1.2, -0.2, 0.0, 0.0, 1.2])
    noise = np.random.default_rng(0).normal(0.0, 0.02, (len(t), len(leads)))
    signal = (wave[:, np.newaxis] + noise).astype(np.float32)
    source = Recording(signal, fs=FS_HZ, leads=list(leads), name=name, start=start)
    recording = Recording.of_source(
        source._source, n_samples=len(t), fs_hz=FS_HZ, leads=list(leads), name=name, start=start, notes=notes
    )
    label = np.resize(np.array(list(labels)), len(time_s))
    sample = np.rint(time_s * FS_HZ).astype(np.int64)
    certainty = np.random.default_rng(1).uniform(0.4, 1.0, len(sample))
    beats = pd.DataFrame(
        {"sample": sample, "time_s": time_s, "class": label}
        | {f"p_{one}": np.where(label == one, certainty, 0.1) for one in "NSVFQ"}
    )
    rows = [
        (lead, kind, at + first, at + first, at + last)
        for lead in recording.leads
        for at in sample.tolist()
        for kind, first, last in (("P", -16, -6), ("QRS", -4, 5), ("T", 18, 36))
    ]
    waves = pd.DataFrame(rows, columns=["lead", "wave", "onset", "peak", "offset"])
    onset = np.arange(0, len(t), 3000)
    rhythm = np.resize(np.array(["N", "N", "A", "A", "O", "~"]), len(onset))
    rhythms = pd.DataFrame({"onset": onset, "offset": np.minimum(onset + 3000, len(t)), "rhythm": rhythm})
    tables = {"beats": beats, "waves": waves, "rhythms": rhythms}
    return SimpleNamespace(
        recording=recording,
        models={kind: f"model of {kind}" for kind in kinds},
        **{kind: table if kind in kinds else table.iloc[:0] for kind, table in tables.items()},
    )


def families_by_class(recording: Recording, beats) -> SimpleNamespace:
    """Give a family for each class of beats, the rarest first, in the form that the page takes."""
    sample, label = np.asarray(beats["sample"]), np.asarray(beats["class"])
    names, of_beat = np.unique(label, return_inverse=True)
    order = np.argsort(np.bincount(of_beat), kind="stable")
    of_beat = np.argsort(order)[of_beat].astype(np.int32)
    before, after = round(0.25 * recording.fs_hz), round(0.45 * recording.fs_hz)
    padded = np.pad(recording.signal, ((before, after), (0, 0)), mode="edge")
    rr_s = np.diff(sample, prepend=np.nan) / recording.fs_hz
    parts = [np.flatnonzero(of_beat == k) for k in range(len(names))]
    few = [part[np.linspace(0, len(part) - 1, min(len(part), 40)).astype(int)] for part in parts]
    windows = [padded[sample[part][:, None] + np.arange(before + after)] for part in few]
    n = np.array([len(part) for part in parts])
    columns = {
        "family": np.arange(len(names)),
        "class": names[order],
        "p": np.full(len(names), 0.9),
        "n": n,
        "share": n / len(sample),
        "gain": n * 0.1,
        "settled": np.cumsum(n) / len(sample),
        "rr_before_s": np.array([np.nanmedian(rr_s[part]) if part.any() else np.nan for part in parts]),
        "rr_after_s": np.full(len(names), np.nan),
        "rr_before_ratio": np.ones(len(names)),
        "first_s": np.array([sample[part[0]] for part in parts]) / recording.fs_hz,
        "last_s": np.array([sample[part[-1]] for part in parts]) / recording.fs_hz,
        "middle": np.array([sample[part[len(part) // 2]] for part in parts]),
    }
    return SimpleNamespace(
        of_beat=of_beat,
        columns=columns,
        templates=np.array([np.nanmean(one, axis=0) for one in windows], np.float32),
        spread=np.array([np.nanstd(one, axis=0) for one in windows], np.float32),
        fs_hz=recording.fs_hz,
        before=before,
        leads=recording.leads,
        members=tuple(few),
        nearest=tuple(part[len(part) // 2 :][:3] for part in parts),
        farthest=tuple(part[-3:] for part in parts),
        positions="9f2c4e0d11aa77b3",
        evidence=SimpleNamespace(sample=sample, classes=tuple("NSVFQ")),
    )
