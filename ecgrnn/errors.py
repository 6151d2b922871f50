"""Exceptions a user can act on: each says what was expected, what came, and what to do."""


class EcgrnnError(Exception):
    """Base of every error that is the input's fault and not the program's; the command line exits with 2."""


class ConfigError(EcgrnnError):
    """An option is unknown, of the wrong type, or does not go together with another one."""


class DataError(EcgrnnError):
    """A record, an annotation file or a database is missing, damaged, or not what it was said to be."""


class SplitError(EcgrnnError):
    """A split is empty, names what is not there, or has the same patient on two sides."""


class CheckpointError(EcgrnnError):
    """A file is not a checkpoint of this application, or does not fit what it is used for."""
