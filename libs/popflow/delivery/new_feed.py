"""A feed's YAML made of answers: checked as contracts are, and written whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from popflow.contracts import Contracts
from popflow.declared import validated
from popflow.delivery.answers import listed, meanings
from popflow.delivery.first_lines import is_name
from popflow.delivery.guesses import Answers
from popflow.errors import PopflowError, printable
from popflow.feeds import Feed
from popflow.reading.tables_out import at_once

HIGHEST_BIT = 30
PLAIN = re.compile(r"\w[\w-]{0,99}")  # of a feed, which names its file
SPELT = {"tab": "\t", "\\t": "\t", "\\x01": "\x01"}  # delimiters that cannot be typed


class Question(NamedTuple):
    """One question of `popflow feed new`: its key, its words, the answer if nothing is guessed, and when it is asked.

    where: other answers that it depends on, as {key: (values)}; asked in any case without.
    """

    key: str
    words: str
    default: Any = None
    where: dict[str, tuple[Any, ...]] | None = None

    @property
    def option(self) -> str:
        """The option that answers it."""
        return f"--{self.key.replace('_', '-')}"

    def is_asked(self, answers: Answers) -> bool:
        """Whether it is asked, by what was answered before."""
        known = answers | {"has_event": has_event(answers)}
        return all(known.get(key) in values for key, values in (self.where or {}).items())


CSV, TEXTS, NUMBERS = {"format": ("csv",)}, ("local_text", "zoned_text"), ("decimal", "hex")
LOCAL_TIMES = ("local_text", "timestamp_ms", "timestamp_us", "timestamp_ns")
QUESTIONS = (
    Question("mno", "The MNO: small letters, digits and _"),
    Question("meaning", "What the feed holds, in a sentence", "Signalling records of {mno}"),
    Question("format", "Format: csv, jsonl or parquet", "csv"),
    Question("compression", "Compression: none or gzip", "none", {"format": ("csv", "jsonl")}),
    Question("file_pattern", "Names of the files, as *.csv.gz", "*"),
    Question("delimiter", "What stands between the fields (tab for a tab)", ",", CSV),
    Question("header", "Does the first line name the columns", False, CSV),
    Question("columns", "Columns in their order, with commas"),
    Question("token", "Column with the SIM's pseudonym"),
    Question("pattern", "Form of the pseudonym", "^[0-9a-f]{32}$"),
    Question("time", "Column with the record's time"),
    Question("time_kind", "Kind of time: local_text, zoned_text, epoch_s, epoch_ms, epoch_us, timestamp_ms, _us, _ns",
             "local_text"),
    Question("time_format", "Format of the time, as %Y-%m-%d %H:%M:%S", None, {"time_kind": TEXTS}),
    Question("zone", "Time zone that its clocks show", "Asia/Shanghai", {"time_kind": LOCAL_TIMES}),
    Question("cell", "Column of the cell, or columns with commas (area, then cell)"),
    Question("cell_base", "Cell is written as: decimal, hex or text", "decimal"),
    Question("cell_prefix", "Network before the cell's numbers, as 460-00", "", {"cell_base": NUMBERS}),
    Question("cell_separator", "What joins the parts of a cell's id", "-"),
    Question("event", "Column with the kind of event, - if there is none", "-"),
    Question("kinds", "What its values mean, as A=attach,U=location_update (of attach, detach, location_update, call, "
             "sms, data)", "", {"has_event": (True,)}),
    Question("retention_days", "Days after which a delivery is deleted from landing", 7),
)  # fmt: skip


def feed_of_answers(name: str, answers: Answers, known: Contracts, where: Path) -> tuple[Feed, str]:
    """The feed that answers describe, and its YAML. where: the file that it is for, named in messages.

    Raises PopflowError, naming the field, for what is not a contract, and where the MNO has a feed already.
    """
    if not PLAIN.fullmatch(name):
        raise PopflowError(f"'{printable(name)}': is not a name of a feed; write letters, digits, _ and -")
    body = _body(name, answers, known)
    feed = validated(Feed, body, where)
    others = [one.feed for one in known.feeds.values() if one.mno == feed.mno and one.feed != name]
    if others:
        raise PopflowError(f"{printable(where)}: mno: {feed.mno} has the feed {others[0]} already; an MNO has one feed")
    if answers.get("header") and (odd := [one for one in feed.columns if not is_name(one)]):
        raise PopflowError(f"{printable(where)}: header: {len(odd)} names of the first line look like values of a "
                           "record; answer --no-header, and name the columns")  # fmt: skip
    return feed, _yaml(body)


def has_event(answers: Answers) -> bool:
    """Whether a column with kinds of events was named."""
    return answers.get("event") not in (None, "", "-")


def write_feed(folder: Path, name: str, text: str, *, replace: bool) -> Path:
    """Write a feed's YAML. Raises PopflowError where there is one, unless replace."""
    path = folder / f"{name}.yaml"
    if path.exists() and not replace:
        raise PopflowError(f"{printable(path)}: already exists; --replace rewrites it")
    folder.mkdir(parents=True, exist_ok=True)
    with at_once(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def free_bit(known: Contracts, mno: str) -> int:
    """The MNO's own bit if it has one, else the lowest that no feed has."""
    bits = known.mno_bits()
    if mno in bits:
        return bits[mno]
    free = [bit for bit in range(HIGHEST_BIT + 1) if bit not in bits.values()]
    if not free:
        raise PopflowError(f"mno_bit: all {HIGHEST_BIT + 1} are taken by {', '.join(sorted(bits))}")
    return free[0]


def _body(name: str, answers: Answers, known: Contracts) -> Answers:
    time: Answers = {"from": answers["time"], "kind": answers["time_kind"]}
    time |= {key: answers[given] for key, given in (("format", "time_format"), ("zone", "zone")) if answers.get(given)}
    cell = {"from": listed(answers["cell"]), "base": answers["cell_base"], "prefix": answers.get("cell_prefix") or "",
            "separator": answers["cell_separator"]}  # fmt: skip
    fields: Answers = {
        "sim_token": {"from": answers["token"], "pattern": answers["pattern"]},
        "time": time,
        "cell_id": cell,
    }
    if has_event(answers):
        fields["event"] = {"from": answers["event"], "kinds": meanings(str(answers.get("kinds") or ""))}
    body: Answers = {
        "feed": name,
        "mno": answers["mno"],
        "mno_bit": answers["mno_bit"] if answers.get("mno_bit") is not None else free_bit(known, answers["mno"]),
        "meaning": answers["meaning"],
        "format": answers["format"],
        "compression": answers.get("compression") or "none",
        "file_pattern": answers["file_pattern"],
        "retention_days": answers["retention_days"],
    }
    if answers["format"] == "csv":
        delimiter = str(answers["delimiter"])
        body |= {"delimiter": SPELT.get(delimiter, delimiter), "header": answers["header"]}
    return body | {"columns": listed(answers["columns"]), "fields": fields}


def _yaml(body: Answers) -> str:
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
