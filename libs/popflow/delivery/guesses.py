"""What a feed's contract may say, guessed from a file's first rows. A guess is proposed, and asked about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from popflow.delivery.first_lines import NO_NAME, FirstLines, first_lines
from popflow.intake import spelling

LEAST_FIT = 0.9  # of a column's first values have to fit
TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f",
                "%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z",
                "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z")  # fmt: skip
EPOCHS = {"epoch_s": r"[1-3][0-9]{9}", "epoch_ms": r"[1-3][0-9]{12}", "epoch_us": r"[1-3][0-9]{15}"}
HASH_LENGTHS = (32, 40, 64)
AREA_NAMES, CELL_NAMES = r"^(lac|tac|area|la|ta)", r"^(ci|eci|nci|cell|cgi|ecgi|cid)"
EVENT_NAMES = r"^(event|evt|kind|type|ev)"
MOST_EVENTS = 12
Answers = dict[str, Any]


def guessed(path: Path) -> Answers:
    """Answers to the questions of `popflow feed new`, as far as the file tells them."""
    lines = first_lines(path)
    found: Answers = {
        "format": lines.format,
        "compression": lines.compression,
        "columns": ",".join(lines.columns),
        "file_pattern": "*" + "".join(path.suffixes) if path.suffixes else "*",
    }
    if lines.format == "csv":
        found |= {"delimiter": lines.delimiter, "header": lines.header}
    left = dict(lines.columns)
    for guess in (_token, _time, _cell, _event):
        answers = guess(lines, left)
        found |= answers
        for name in [answers.get(key) for key in ("token", "time", "event")]:
            left.pop(str(name), None)
        for name in str(answers.get("cell", "")).split(","):
            left.pop(name, None)
    return found


def _fits(values: list[str], pattern: str) -> bool:
    there = [value for value in values if value]
    return bool(there) and sum(bool(re.fullmatch(pattern, one)) for one in there) >= LEAST_FIT * len(there)


def _token(_: FirstLines, left: dict[str, list[str]]) -> Answers:
    for name, values in left.items():
        for length in HASH_LENGTHS:
            if _fits(values, rf"\s*[0-9a-fA-F]{{{length}}}\s*"):
                return {"token": name, "pattern": f"^[0-9a-f]{{{length}}}$"}
    return {}


def _time(lines: FirstLines, left: dict[str, list[str]]) -> Answers:
    for name, kind in lines.types.items():
        if pa.types.is_timestamp(kind):
            unit = {"s": "ms"}.get(kind.unit, kind.unit)
            return {"time": name, "time_kind": f"timestamp_{unit}", "zone": "UTC" if kind.tz else "Asia/Shanghai"}
    for name, values in left.items():
        for form in TIME_FORMATS:
            if _fits(values, spelling.time_pattern(form)):
                zoned = "%z" in form
                told = {"time": name, "time_kind": "zoned_text" if zoned else "local_text", "time_format": form}
                return told | ({} if zoned else {"zone": "Asia/Shanghai"})
        for epoch, pattern in EPOCHS.items():
            if _fits(values, pattern):
                return {"time": name, "time_kind": epoch}
    return {}


def _cell(_: FirstLines, left: dict[str, list[str]]) -> Answers:
    area = [name for name in left if re.search(AREA_NAMES, name, re.IGNORECASE)]
    cell = [name for name in left if re.search(CELL_NAMES, name, re.IGNORECASE)]
    named = [*area[:1], *cell[:1]]
    if len(named) == 1 and _fits(left[named[0]], r"[0-9]+([-_:.][0-9A-Fa-f]+)+"):
        return {"cell": named[0], "cell_base": "text", "cell_prefix": "", "cell_separator": "-"}
    if named and all(_fits(left[name], "[0-9]+") for name in named):
        return {"cell": ",".join(named), "cell_base": "decimal", "cell_separator": "-"}
    if named and all(_fits(left[name], "[0-9A-Fa-f]+") for name in named):
        return {"cell": ",".join(named), "cell_base": "hex", "cell_separator": "-"}
    return {"cell": ",".join(named), "cell_base": "text", "cell_prefix": "", "cell_separator": "-"} if named else {}


def _event(_: FirstLines, left: dict[str, list[str]]) -> Answers:
    for name, values in left.items():
        kinds = {value for value in values if value}
        few = 0 < len(kinds) <= MOST_EVENTS and not any(map(NO_NAME.search, kinds))
        if few and re.search(EVENT_NAMES, name, re.IGNORECASE) and _fits(values, "[0-9A-Za-z_]{1,16}"):
            return {"event": name, "kinds_seen": ", ".join(sorted(kinds))}
    return {}
