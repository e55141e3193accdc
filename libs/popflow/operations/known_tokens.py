"""Tokens that are known: which of some texts are one.

The register is never gathered in one place. It says of which lengths and letters its tokens are; with these the scan
finds what could be one, and the register is read batch by batch for which of that is one.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from popflow.lake import Lake

SHORTEST = 8  # of a token: what is shorter stands in any text by chance
FORMS = pa.schema([("length", pa.int32()), ("letters", pa.string())])
FOUND = pa.schema([("token", pa.string())])


@dataclass(frozen=True)
class Forms:
    """Of which lengths and of which letters known tokens are, in small letters."""

    lengths: tuple[int, ...] = ()
    letters: str = ""

    def within(self, text: str) -> set[str]:
        """Every piece of a text, whatever its case, that could be a token by its length and letters."""
        if not self.lengths:
            return set()
        return {
            run[start : start + length]
            for run in self._run.findall(text.lower())
            for length in self.lengths
            for start in range(len(run) - length + 1)
        }

    @functools.cached_property
    def _run(self) -> re.Pattern[str]:
        return re.compile(f"[{re.escape(self.letters)}]{{{min(self.lengths)},}}")


class Known(Protocol):
    """Tokens that are known."""

    def version(self) -> str:
        """Text that differs wherever the tokens do."""
        ...

    def forms(self) -> Forms:
        """Of which lengths and letters they are."""
        ...

    def among(self, texts: Collection[str]) -> set[str]:
        """Texts among some, in small letters, that are a token."""
        ...


class KnownTokens:
    """A few tokens, as hashes only."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        small = [token.lower() for token in tokens]
        self._forms = Forms(tuple(sorted({len(token) for token in small})), "".join(sorted(set("".join(small)))))
        self._hashes = frozenset(_hashed(token) for token in small)

    def version(self) -> str:
        """Text that differs wherever the tokens do."""
        return hashlib.sha256(b"".join(sorted(self._hashes))).hexdigest()

    def forms(self) -> Forms:
        """Of which lengths and letters they are."""
        return self._forms

    def among(self, texts: Collection[str]) -> set[str]:
        """Texts among some, in small letters, that are a token."""
        return {text for text in texts if _hashed(text) in self._hashes}


class RegisterTokens:
    """The tokens and keys of a lake's register, all of them, read batch by batch each time they are asked for."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        columns = lake.contracts.table("subscribers").columns.items()
        self._secret = [name for name, column in columns if column.sensitivity == "secret"]

    def version(self) -> str:
        """Text that differs wherever the tokens do."""
        return f"{self._lake.snapshot('subscribers').table_id} {self._lake.commits('subscribers')}"

    def forms(self) -> Forms:
        """Of which lengths and letters they are."""
        rows = self._lake.through("subscribers", self._secret, _forms_of, FORMS).to_pylist()
        letters = {letter for row in rows for letter in row["letters"]}
        return Forms(tuple(sorted({row["length"] for row in rows})), "".join(sorted(letters)))

    def among(self, texts: Collection[str]) -> set[str]:
        """Texts among some, in small letters, that are a token."""
        found = self._lake.through("subscribers", self._secret, _Among(texts), FOUND)
        return set(found["token"].to_pylist())


def _forms_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    lengths: set[int] = set()
    letters: set[str] = set()
    for column in _small(batches):
        own = column.filter(pc.greater_equal(pc.utf8_length(column), SHORTEST))
        lengths |= set(pc.utf8_length(own).unique().to_pylist())
        letters |= _letters(own)
    rows = [{"length": length, "letters": "".join(sorted(letters))} for length in sorted(lengths)]
    yield pa.RecordBatch.from_pylist(rows, FORMS)


def _letters(texts: pa.Array) -> set[str]:
    """The letters of all texts of an array, a byte each: they are looked for in bytes too."""
    if not len(texts):
        return set()
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return set(bytes(np.unique(np.frombuffer(data, np.uint8)[ends[0] : ends[-1]])).decode("latin-1"))


class _Among:
    """What runs over the register: batches in, out those of the texts that stand there."""

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = pa.array(sorted(texts), pa.string())

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for column in _small(batches):
            found = column.filter(pc.is_in(column, self._texts)).unique()
            if len(found):
                yield pa.RecordBatch.from_arrays([found], schema=FOUND)


def _small(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Array]:
    """The columns of batches, without nulls, in small letters."""
    for batch in batches:
        for column in batch.columns:
            yield pc.utf8_lower(column.cast(pa.string()).drop_null())


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()[:12]
