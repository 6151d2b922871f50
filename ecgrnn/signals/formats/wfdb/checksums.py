"""Compare the samples of a WFDB record with the checksums of its header."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from ecgrnn.errors import DataError
from ecgrnn.signals.formats.wfdb.header import Header, read_header, signal_files
from ecgrnn.signals.formats.wfdb.header_lines import Lead
from ecgrnn.signals.formats.wfdb.record import check_file, frames_at_once
from ecgrnn.signals.formats.wfdb.samples import SignalFile, checksum, read_frames, stored_frames


def verify_checksums(path: Path, header: Header | None = None) -> None:
    """Compare all samples of a record, as they are stored, with the checksums of its header.

    A checksum of 0 stands for "not computed" and is not compared. That of a lead with a skew covers the
    samples before the record's beginning, too. A header that was read already is not read again.

    Raises:
        DataError: a file is missing, short or damaged, or a lead's sum is not the header's checksum.
    """
    header = read_header(path) if header is None else header
    if not header.segments:
        _verify_files(header, path=path)
    for segment in {segment.name: segment for segment in header.segments}.values():
        if segment.header is not None and segment.n_frames:
            part = segment.header.of_length(segment.n_frames)
            _verify_files(part, path=path.parent / segment.name)


def _verify_files(header: Header, *, path: Path) -> None:
    for file, columns in signal_files(header, path.parent).items():
        check_file(file, header, path=path)
        stored = stored_frames(file)
        sums = _running_sums(
            file, header.n_frames, stored=stored, skews=[header.stored[c].skew for c in columns]
        )
        for column, found in zip(columns, sums, strict=True):
            _compare_checksum(header.stored[column], found, path=path)


def _running_sums(file: SignalFile, n_frames: int, *, stored: int, skews: Sequence[int]) -> list[set[int]]:
    """Sum each lead over the record's length and, where it is skewed, over its samples before that, too."""
    ends = [sorted({n_frames, min(n_frames + skew, stored)}) for skew in skews]
    totals = [0] * len(ends)
    found: list[set[int]] = [set() for _ in ends]
    cuts = sorted(
        {
            *range(0, max(n_frames, 1), frames_at_once(file, 0, n_frames)),
            *(end for lead in ends for end in lead),
        }
    )
    for begin, end in itertools.pairwise(cuts):
        for at, samples in enumerate(read_frames(file, begin, end)):
            totals[at] += checksum(samples)
            if end in ends[at]:
                found[at].add(totals[at] & 0xFFFF)
    return found


def _compare_checksum(lead: Lead, found: set[int], *, path: Path) -> None:
    if lead.checksum and lead.checksum & 0xFFFF not in found:
        raise DataError(
            f"record {path} is damaged: lead {lead.name!r} has the checksum {min(found, default=0)}, "
            f"its header says {lead.checksum & 0xFFFF}; fetch {lead.file} again"
        )
