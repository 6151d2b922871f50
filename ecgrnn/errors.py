"""Exceptions a user can act on: each says what was expected, what came, and what to do."""


class Interrupted(BaseException):
    """A signal asked the program to stop, and what can be saved is saved; nobody is at fault.

    Attributes:
        signal_number: the signal; the exit status is 128 more.
        advice: how to go on, one line; empty where starting again is all there is.
        agreed: whether all processes that work together stop by themselves.
    """

    def __init__(self, signal_number: int, advice: str = "", *, agreed: bool = False) -> None:
        super().__init__(signal_number, advice)
        self.signal_number = signal_number
        self.advice = advice
        self.agreed = agreed


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
