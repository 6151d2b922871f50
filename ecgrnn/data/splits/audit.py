"""The leak audit: who was trained on, chosen on and scored on, what was fitted on whom, and proof of it."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgrnn.data.beats import BeatView
from ecgrnn.data.cache import CachedRecord, data_fingerprint
from ecgrnn.data.splits.split import Split, Stretch
from ecgrnn.data.view import View
from ecgrnn.errors import SplitError, some_of

_CHUNK = 4096


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what must be so.
        passed: whether it is; None where it could not be looked at.
        detail: what was found.
    """

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Audit:
    """What is known about who is in which subset.

    Attributes:
        split: the subsets.
        counts: subset to class to number of beats, where it is known.
        checks: what was looked at.
        fitted: what is fitted or chosen, and in which subset.
    """

    split: Split
    counts: Mapping[str, Mapping[str, int]]
    checks: tuple[Check, ...]
    fitted: tuple[tuple[str, str], ...] = ()

    def require(self) -> None:
        """Go on only where nothing is in two subsets.

        Raises:
            SplitError: a check failed; says which one and what it found.
        """
        failed = [check for check in self.checks if check.passed is False]
        if failed and failed[0].name.startswith(_OTHER):
            raise SplitError(failed[0].detail)
        if failed:
            raise SplitError(
                f"split {self.split.name} is refused: {failed[0].name} does not hold, {failed[0].detail}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Give the audit as plain data."""
        return {
            "split": self.split.manifest(),
            "beats": {subset: dict(counts) for subset, counts in self.counts.items()},
            "fitted": [{"what": what, "on": subset} for what, subset in self.fitted],
            "checks": [vars(check) for check in self.checks],
            "not_checked": self.not_checked(),
        }

    def not_checked(self) -> list[str]:
        """Say what could not be looked at: a reader must know that before any figure."""
        return [f"{check.name}: {check.detail}" for check in self.checks if check.passed is None]

    def lines(self) -> list[str]:
        """Print the audit for a terminal."""
        lines = [f"split       {self.split.name}"]
        for subset, records in self.split.subsets.items():
            patients = sorted({self.split.patients[record] for record in records})
            beats = "  ".join(f"{name} {count:,}" for name, count in self.counts.get(subset, {}).items())
            lines.append(f"{subset:<11} {len(records)} records of {len(patients)} patients  {beats}".rstrip())
            lines.append(f"  records   {' '.join(records)}")
            if patients != sorted(records):
                lines.append(f"  patients  {' '.join(patients)}")
        lines += [f"fitted      {what}: {subset}" for what, subset in self.fitted]
        for first, second in self.split.accepted_overlaps:
            lines.append(
                f"overlap     {first} and {second} are one patient in two subsets: named and accepted"
            )
        lines += [f"note        {note}" for note in self.split.notes]
        return [*lines, *self.verdicts()]

    def verdicts(self) -> list[str]:
        """Print what was looked at and found."""
        verdict = {True: "proved", False: "FAILED", None: "NOT CHECKED"}
        first = sorted(self.checks, key=lambda check: check.passed is not None)  # what could not be looked at
        return [f"{verdict[check.passed]:<11} {check.name}: {check.detail}" for check in first]


def audit_subsets(
    split: Split,
    subsets: Mapping[str, Sequence[CachedRecord]],
    *,
    view: View,
    counts: Mapping[str, Mapping[str, int]],
    fitted: Sequence[tuple[str, str]] = (),
    fingerprint: str | None = None,
    stretches: Sequence[Stretch] = (),
    kept: Mapping[str, Mapping[str, str]] | None = None,
    absent: str = "",
    quick: bool = False,
) -> Audit:
    """Prove that the subsets of a split share no patient, record, signal or window.

    Names are proved always. Contents are where the records are at hand: the same recording under two names
    has the same prepared signal, and beats cut twice have the same windows.

    Args:
        split: who is in which subset.
        subsets: ``train``, ``validation`` and ``test`` to their records; empty where they are not at hand.
        view: what the task cuts out of records.
        counts: subset to class to number of items, as training counted them.
        fitted: what the task fits or chooses, and in which subset.
        fingerprint: hash of the files that training read; None leaves it out.
        stretches: what each stretch of the training was trained on.
        kept: subset to digest to record, as the checkpoint keeps them: the signals are compared by these
            where the records are not at hand.
        absent: why the records are not at hand.
        quick: leave windows of beats in sequence out: no signal is in two subsets, and to cut them all takes
            longer than the rest of a start.
    """
    names = [_patients(split), _records(split)]
    if not subsets:
        unseen = f"the records are not available ({absent})"
        known = [_kept_signals(kept)] if kept and all(kept.values()) else []
        more = ["windows"] if known else ["signals", "windows"]
        unproved = [Check(_NAMES[key], None, unseen) for key in more]
        if fingerprint is not None:
            other = _other_stretch(split, fingerprint, stretches)
            unproved.append(other or Check(_NAMES["fingerprint"], None, unseen))
        return Audit(split, counts, (*names, *known, *unproved), tuple(fitted))
    checks = [*names, _signals(subsets)]
    windows = view.compared_windows(quick=quick)
    if windows is not None:
        checks.append(_windows(subsets, windows))
    if fingerprint is not None:
        other = _other_stretch(split, fingerprint, stretches)
        checks.append(other or _fingerprint(subsets, fingerprint, n_stretches=len(stretches)))
    return Audit(split, counts, tuple(checks), tuple(fitted))


def check_other_database(
    test: Sequence[CachedRecord],
    own: Mapping[str, Sequence[CachedRecord]],
    kept: Mapping[str, str] | None = None,
) -> Check:
    """Look for recordings of another database that the model has seen under another name.

    Args:
        test: the records to be scored.
        own: the records of the model's own split; empty where they are not at hand.
        kept: digest of each lead that was trained or validated on to its record, as the checkpoint keeps it.
    """
    seen = [record for subset in ("train", "validation") for record in own.get(subset, ())]
    if not seen and not kept:
        return Check(
            _OTHER,
            None,
            "the records trained on are not available, and the checkpoint keeps no digests of them",
        )
    digests = {record.digest: record.name for record in seen} | dict(kept or {})
    known = {
        record.name: digests[same[0]]
        for record in test
        if (same := [one for one in (record.digest, *record.contents) if one in digests])
    }
    if known:
        first, its = next(iter(known.items()))
        unseen = [record.name for record in test if record.name not in known]
        most = ",...]" if len(unseen) > _MOST_NAMED else "]"
        take = f"; others: data.records=[{','.join(unseen[:_MOST_NAMED])}{most}" if unseen else ""
        detail = (
            f"{len(known)} of {len(test)} records hold signals that the checkpoint was trained or validated "
            f"on ({some_of(list(known))}; {first} is its record {its}), so they cannot be scored{take}"
        )
        return Check(_OTHER, False, detail)
    unlike = len({record.name for record in seen} | set((kept or {}).values()))
    flat = [record.name for record in test if not record.contents] if not seen else []
    if flat:
        return Check(_OTHER, None, f"no lead of {some_of(flat)} changes, so there is nothing to compare")
    return Check(_OTHER, True, f"{len(test)} records differ from the {unlike} it has seen")


_MOST_NAMED = 8
_OTHER = "no held-out signal was seen in training"
_NAMES = {
    "patients": "no patient is in two subsets",
    "records": "no record is in two subsets",
    "signals": "no signal is in two subsets",
    "windows": "no window is in two subsets",
    "fingerprint": "the files at hand are those trained on",
}


def _patients(split: Split) -> Check:
    accepted = {frozenset(pair) for pair in split.accepted_overlaps}
    seen: dict[str, tuple[str, str]] = {}
    for subset, records in split.subsets.items():
        for record in records:
            other, where = seen.setdefault(split.patients[record], (record, subset))
            if where != subset and frozenset((other, record)) not in accepted:
                detail = (
                    f"patient {split.patients[record]} has record {other} in {where} and {record} in {subset}"
                )
                return Check(_NAMES["patients"], False, detail)
    named = "".join(f", but {' and '.join(pair)}, a named overlap" for pair in split.accepted_overlaps)
    return Check(_NAMES["patients"], True, f"{len(seen)} patients, each in one subset{named}")


def _records(split: Split) -> Check:
    names = [record for records in split.subsets.values() for record in records]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        return Check(_NAMES["records"], False, f"twice: {', '.join(twice)}")
    return Check(_NAMES["records"], True, f"{len(names)} records, each named once")


def _signals(subsets: Mapping[str, Sequence[CachedRecord]]) -> Check:
    seen: dict[str, tuple[str, str]] = {}
    for subset, records in subsets.items():
        for record in records:
            other, where = seen.setdefault(record.digest, (record.name, subset))
            if where != subset:
                detail = (
                    f"record {other} of {where} and record {record.name} of {subset} hold the same signal"
                )
                return Check(_NAMES["signals"], False, detail)
    return Check(_NAMES["signals"], True, f"{len(seen)} signals, all different")


def _windows(subsets: Mapping[str, Sequence[CachedRecord]], view: BeatView) -> Check:
    hashes = {subset: _window_hashes(records, view) for subset, records in subsets.items()}
    for k, one in enumerate(hashes):
        for other in list(hashes)[k + 1 :]:
            if shared := hashes[one] & hashes[other]:
                detail = f"{len(shared)} windows of {one} are also in {other}"
                return Check(_NAMES["windows"], False, detail)
    counted = ", ".join(f"{len(found):,} of {subset}" for subset, found in hashes.items())
    return Check(_NAMES["windows"], True, f"{counted}, all different")


def _kept_signals(kept: Mapping[str, Mapping[str, str]]) -> Check:
    """Compare the signals of the subsets by the digests that the checkpoint keeps."""
    seen: dict[str, tuple[str, str]] = {}
    for subset, digests in kept.items():
        for digest, record in digests.items():
            other, where = seen.setdefault(digest, (record, subset))
            if where != subset:
                detail = f"record {other} of {where} and record {record} of {subset} hold the same signal"
                return Check(_NAMES["signals"], False, detail)
    return Check(_NAMES["signals"], True, f"{len(seen)} digests kept in the checkpoint, all different")


def _other_stretch(split: Split, fingerprint: str, stretches: Sequence[Stretch]) -> Check | None:
    """Find a stretch of the training that was trained on something else than the last."""
    for one in stretches:
        for what, was, now in (
            ("other files", one.fingerprint, fingerprint),
            ("another split", one.split, split.digest),
        ):
            if was != now:
                hashes = f"{was[:16]}, not {now[:16]}"
                detail = f"from step {one.from_step} on it was trained on {what} ({hashes})"
                return Check(_NAMES["fingerprint"], False, detail)
    return None


def _fingerprint(subsets: Mapping[str, Sequence[CachedRecord]], expected: str, *, n_stretches: int) -> Check:
    found = data_fingerprint([record for records in subsets.values() for record in records])
    if found != expected:
        detail = f"they hash to {found[:16]}, those trained on to {expected[:16]}"
        return Check(_NAMES["fingerprint"], False, detail)
    always = f", the same in all {n_stretches} stretches of its training" if n_stretches > 1 else ""
    return Check(_NAMES["fingerprint"], True, f"fingerprint {found[:16]}{always}")


def _window_hashes(records: Sequence[CachedRecord], view: BeatView) -> set[bytes]:
    """Hash every window of the records that holds a signal: flat ones are alike by nature."""
    dataset = view.dataset(records, training=False)
    found: set[bytes] = set()
    for start in range(0, len(dataset), _CHUNK):
        batch = dataset.__getitems__(range(start, min(start + _CHUNK, len(dataset))))
        windows = batch.signal.numpy()
        alive = np.ptp(windows, axis=1).any(axis=-1)
        found.update(hashlib.blake2b(window, digest_size=16).digest() for window in windows[alive])
    return found
