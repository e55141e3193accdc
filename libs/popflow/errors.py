"""What popflow says when it stops: one line that names the file, the field and the mend."""


class PopflowError(Exception):
    """A fault in what popflow was given, or a rule that forbids to go on. The command line prints it as one line."""


class Held(PopflowError):  # noqa: N818 a state of a date, not a fault
    """A date is held back: nothing was published, and the message says what is waited for."""


class NoTable(PopflowError):  # noqa: N818 a state of a lake, not a fault
    """A table was asked for that nobody has written yet."""


class AtWork(PopflowError):  # noqa: N818 a state of a lake, not a fault
    """Another run holds the lake's lock, and does whatever is to be done."""
