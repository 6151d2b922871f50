"""Texts of other people's files in tables that are opened with a spreadsheet program."""

_FORMULA = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With these, the last four of full width, a spreadsheet program begins a formula: OWASP, CSV Injection."""


def harmless(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet program would run; a number stays as it is.

    Line breaks become blanks: the csv module writes a carriage return without quotes.

    >>> harmless("=cmd|' /C calc'!A0"), harmless("MLII"), harmless(-0.5), harmless("-0.5")
    ("'=cmd|' /C calc'!A0", 'MLII', -0.5, '-0.5')
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
