"""Keeps passwords that stand in addresses out of files, logs and messages."""

import re
from collections.abc import Mapping
from typing import Any

_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^\s]*(?=@)")


def without_passwords(value: Any) -> Any:
    """Replace the password of every address in plain data by stars.

    Example:
        >>> without_passwords({"storage": "mysql://ann:secret@host/study", "jobs": 2})
        {'storage': 'mysql://ann:***@host/study', 'jobs': 2}
    """
    if isinstance(value, str):
        return _PASSWORD.sub(r"\1***", value)
    if isinstance(value, Mapping):
        return {key: without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_passwords(item) for item in value]
    return value
