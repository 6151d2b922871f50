"""What a checkpoint knows of the recordings it was made from, where these are not at hand any more."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ecgrnn.data.cache import CachedRecord
from ecgrnn.data.splits.split import SUBSETS

_FILES = 16
"""Letters of the hash of a record's files that are kept."""


def contents_of(records: Iterable[CachedRecord]) -> dict[str, str]:
    """Give each record's hash of its files and digests of its leads, as a checkpoint keeps them.

    One text a record: a database has tens of thousands, and a checkpoint is read before every prediction.
    """
    return {record.name: " ".join((record.fingerprint[:_FILES], *record.contents)) for record in records}


def seen_leads(facts: Mapping[str, Any], *subsets: str) -> dict[str, str]:
    """Give the digest of each lead in some subsets of a checkpoint's split, and the record it is of.

    Empty for an older checkpoint, which keeps none.
    """
    contents: Mapping[str, str] = facts.get("contents", {})
    names = (name for subset in subsets for name in facts["split"][subset])
    return {digest: name for name in names for digest in contents.get(name, "").split()[1:]}


def split_digest(manifest: Mapping[str, Any]) -> str:
    """Hash who is in which subset of a split; its name and its notes do not matter."""
    subsets = {subset: dict(manifest[subset]) for subset in SUBSETS}
    overlaps = sorted(sorted(pair) for pair in manifest.get("accepted_overlaps", []))
    plain = json.dumps([subsets, overlaps], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
