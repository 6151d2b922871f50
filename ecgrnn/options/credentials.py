"""Keeps passwords that stand in addresses out of files, logs and messages."""

import re
from collections.abc import Mapping
from typing import Any

from ecgrnn.options.spec import flat, to_plain

HIDDEN = "***"
"""Stands where a password was."""

_BEFORE_HOST = re.compile(r"(://[^/\s:@]*:)[^\s]*(?=@)")
_IN_QUERY = re.compile(
    # behind ? & or ; of an address, maybe percent-encoded, as ODBC's connection strings are
    r"((?:[?&;]|%3[BF]|%26)[\w.-]*(?:password|passwd|passphrase|pass|pwd|secret|token|signature|credentials?|api_?key|access_?key)(?:=|%3D))"
    r"(?:(?!%3B|%26)[^&;\s#])+",
    re.IGNORECASE,
)


def without_passwords(value: Any) -> Any:
    """Replace the password of every address in plain data by stars.

    Example:
        >>> without_passwords({"storage": "mysql://ann:secret@host/study", "jobs": 2})
        {'storage': 'mysql://ann:***@host/study', 'jobs': 2}
        >>> without_passwords("postgresql://host/study?user=ann&password=secret&sslmode=require")
        'postgresql://host/study?user=ann&password=***&sslmode=require'
    """
    if isinstance(value, str):
        return _IN_QUERY.sub(rf"\1{HIDDEN}", _BEFORE_HOST.sub(rf"\1{HIDDEN}", value))
    if isinstance(value, Mapping):
        return {key: without_passwords(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_passwords(item) for item in value]
    return value


def flat_options(options: Any) -> dict[str, str | int | float | bool]:
    """Give a command's options as one level of dotted names, without any password."""
    return {
        name: leaf if isinstance(leaf, int | float | bool) else str(without_passwords(leaf))
        for name, leaf in flat(to_plain(options)).items()
    }
