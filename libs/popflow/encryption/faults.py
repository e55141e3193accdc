"""What lies deep in the causes of Spark's errors, keys, files and full disks, in one line of ours."""

from __future__ import annotations

import re

from popflow.errors import PopflowError

OURS = re.compile(r"popflow: ([^\r\n]+)")  # what the classes of java/ say
FILE = re.compile(r"(?:reading file|Could not read footer for file:?|Exception reading) (\S[^\r\n]*?\.parquet)")
SAID = {
    "Applying decryptor on plaintext file": "a file of the restricted zone is plain where an encrypted one belongs",
    "AAD Prefix not found in file": "a file of the restricted zone is not bound to its name: an older popflow wrote it",
    "GCM tag check failed": "a file of the restricted zone was changed after it was written",
    "No space left on device": "no room is left on a disk that Spark writes to, the lake's or its scratch's",
}
MEND = {
    "not the one that a file": "put the key back from its copy",
    "no master key": "put the key back from its copy",
    "is not the file that was written there": "somebody moved files; restore the zone from a copy",
    "is plain where": "see who put it there; a lake to which keys are new is encrypted by 'popflow keys encrypt'",
    "not bound to its name": "'popflow keys encrypt' writes its tables anew",
    "no room is left": "make room, or name another folder for scratch by POPFLOW_SCRATCH, and run the night again",
    "was changed after": "restore it from a copy, or run its night again",
}


def fault_in(error: BaseException) -> PopflowError | None:
    """The fault of a key, an encrypted file or a full disk that an error of Spark stands for; None for any other error.

    Nothing else of the error's text is said: it may quote rows.
    """
    text = _told(error)
    ours = OURS.search(text) if "ParquetCrypto" in text or "KeyAccessDenied" in text else None
    said = ours[1].strip() if ours else next((line for sign, line in SAID.items() if sign in text), None)
    if said is None:
        return None
    where = FILE.search(text)
    mend = next((line for sign, line in MEND.items() if sign in said), "see THREATS.md, encryption at rest")
    return PopflowError(f"{where[1] + ': ' if where and not ours else ''}{said}; {mend}")


def _told(error: BaseException) -> str:
    """All that an error says of its causes: Spark's Python errors keep them in several places."""
    parts = [str(error), str(getattr(error, "_stackTrace", "") or "")]
    origin = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    for _ in range(20):
        if origin is None:
            break
        parts.append(str(origin))
        origin = origin.getCause() if hasattr(origin, "getCause") else None
    return "\n".join(parts)
