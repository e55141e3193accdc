"""Any file: the check says of it what the reduction says, and a trial tells of it without a token or a stack trace."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import landing_files
from checked_packs import reduce_and_check
from hypothesis import strategies as st
from landing_files import A, mobile_bytes, telecom_bytes, unicom_bytes
from test_fuzz import JSON_LINES, RECORDS, damaged, every_row_is_accounted_for, fuzzed, lines, one_line, tables
from test_fuzz import text_file_is_accounted_for as text_file

from popflow.contracts import load
from popflow.delivery.files import Look
from popflow.delivery.told import fitted, trial_lines
from popflow.delivery.trial import try_file


def checked(mno: str, content: bytes) -> None:
    """A file through the reduction and the check, and tried by itself."""
    with mock.patch.object(landing_files, "reduce_pack", reduce_and_check):
        if mno == "unicom":
            every_row_is_accounted_for(mno, content, 3)
        else:
            text_file(mno, content)
    with tempfile.TemporaryDirectory() as folder, one_line():
        path = Path(folder, "odd")
        path.write_bytes(content)
        found = try_file(path, load().feeds[mno], None, None, Look(rows=5, failures=5))
        said = "\n".join(fitted(trial_lines(found, 5)))
        said.encode()
        assert A[:12] not in said


TEXTS = st.tuples(st.just("mobile"), lines(mobile_bytes(*RECORDS)))
TEXTS |= st.tuples(st.just("telecom"), lines(telecom_bytes(*RECORDS)) | JSON_LINES)
COLUMNS = st.tuples(st.just("unicom"), damaged(unicom_bytes(*RECORDS)) | tables())


def checked_file(file: tuple[str, bytes]) -> None:
    """`checked`, of an MNO and a file."""
    checked(*file)


test_texts, test_texts_for_long = fuzzed(checked_file, file=TEXTS)
test_columns, test_columns_for_long = fuzzed(checked_file, file=COLUMNS)
