"""What popflow says when it stops: one line that names the file, the field and the mend."""

SPACES = "\u00a0\u3000"  # of names and texts; str.isprintable refuses them


class PopflowError(Exception):
    """A fault in what popflow was given, or a rule that forbids to go on. The command line prints it as one line."""


class Held(PopflowError):  # noqa: N818 a state of a date, not a fault
    """A date is held back: nothing was published, and the message says what is waited for."""


class Amiss(PopflowError):  # noqa: N818 a state of a night, not a fault of the call
    """A night that somebody asked about failed, or was taken back."""


class NotTold(PopflowError):  # noqa: N818 a state of a date, not a fault
    """A date of an indicator in hundreds cannot be told: no offsets pass the public test."""


class NotShown(PopflowError):  # noqa: N818 a state of dates, not a fault
    """Published dates show nothing of what is asked."""


class NoTable(PopflowError):  # noqa: N818 a state of a lake, not a fault
    """A table was asked for that nobody has written yet."""


class AtWork(PopflowError):  # noqa: N818 a state of a lake, not a fault
    """A lock of the lake is held by another run, which does whatever is to be done."""


def printable(text: object) -> str:
    """Text of people and files as a terminal or a log may be given it: what steers either is written out.

    Control characters, line ends, marks of writing direction and bytes that are not text become their Python escapes.
    """
    return "".join(c if c.isprintable() or c in SPACES else repr(c)[1:-1] for c in str(text))


def one_line(text: object) -> str:
    """A message as one printable line: line ends and runs of blanks become one blank."""
    return printable(" ".join(str(text).split()))
