"""How times are printed: by the clock where the recording says when it began, else from its beginning."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_DAY_S = 86400


@dataclass(frozen=True)
class Times:
    """Prints times of a recording.

    Attributes:
        start: date and time of the first sample; None where it is not known.
    """

    start: datetime | None = None

    @property
    def offset_s(self) -> float:
        """Seconds from midnight to the first sample, 0 where it is not known."""
        if self.start is None:
            return 0.0
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return (self.start - midnight).total_seconds()

    def at(self, seconds: float, *, tenths: bool = False) -> str:
        """Print the time that is so many seconds behind the first sample.

        >>> Times().at(59.96), Times().at(3725.0), Times().at(3.14, tenths=True)
        ('1:00', '1:02:05', '0:03.1')
        >>> Times(datetime(2026, 1, 1, 23, 59)).at(30.0), Times(datetime(2026, 1, 1, 23, 59)).at(90.0)
        ('23:59:30', 'day 2 00:00:30')
        """
        count = round((self.offset_s + seconds) * (10 if tenths else 1))
        whole, tenth = divmod(count, 10) if tenths else (count, 0)
        day, of_day = divmod(whole, _DAY_S)
        minutes, second = divmod(of_day, 60)
        hour, minute = divmod(minutes, 60)
        text = f"{second:02d}.{tenth}" if tenths else f"{second:02d}"
        if self.start is not None:
            return f"{f'day {day + 1} ' if day else ''}{hour:02d}:{minute:02d}:{text}"
        hour += 24 * day
        return f"{hour}:{minute:02d}:{text}" if hour else f"{minute}:{text}"

    def date(self) -> str | None:
        """Print the day of the first sample and its time."""
        return None if self.start is None else f"{self.start:%Y-%m-%d %H:%M:%S}"


def duration(seconds: float) -> str:
    """Print a length of time in its two largest units.

    >>> duration(9.994), duration(1805.56), duration(86400.0), duration(59.96)
    ('10.0 s', '30 min 6 s', '24 h', '1 min')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = timedelta(seconds=round(seconds))
    minutes, second = divmod(int(whole.total_seconds()), 60)
    hour, minute = divmod(minutes, 60)
    units = ((hour, "h"), (minute, "min"), (0 if hour else second, "s"))
    return " ".join(f"{count} {unit}" for count, unit in units if count)
