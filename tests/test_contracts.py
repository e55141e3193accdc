"""Every column is declared once, and a contract that does not hold together is refused with file, field and reason."""

import datetime as dt
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from popflow import contracts as contracts_module
from popflow.contracts import Contracts
from popflow.dictionary import data_dictionary
from popflow.errors import PopflowError
from popflow.feeds import TokenField
from popflow.tables import arrow_type


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped contracts that a test may break."""
    return Path(shutil.copytree(contracts_module.default_folder(), tmp_path / "data_contracts"))


def broken(folder: Path, name: str, change) -> str:
    """What is said when a contract is changed by `change` and read."""
    path = folder / name
    body = yaml.safe_load(path.read_text())
    change(body)
    path.write_text(yaml.safe_dump(body))
    with pytest.raises(PopflowError) as refused:
        contracts_module.load(folder)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message or str(path.parent) in message
    return message


def test_every_shipped_contract_gives_all_three_schemas(contracts: Contracts):
    for table in contracts.tables.values():
        names = list(table.columns)
        assert table.arrow_schema().names == names
        assert table.spark_schema().names == names


def test_nested_types():
    assert arrow_type("map<string,array<long>>") == pa.map_(pa.string(), pa.list_(pa.int64()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b["columns"]["slots_lo"].update(type="lng"), "columns.slots_lo.type: unknown type 'lng'"),
        (lambda b: b["columns"]["slots_lo"].pop("meaning"), "columns.slots_lo.meaning: Field required"),
        (
            lambda b: b["columns"]["county_code"].update(pattern="("),
            "columns.county_code.pattern: '(' is not a regular",
        ),
        (lambda b: b["key"].append("sim"), "key: column 'sim' is not declared"),
        (lambda b: b.update(partition_by=["day"]), "partition_by: column 'day' is not declared"),
        (lambda b: b.update(colour="red"), "colour: Extra inputs are not permitted"),
        (lambda b: b.update(table="presences"), "table: 'presences' must bear the file's name, presence"),
        (lambda b: b.update(zone="secret"), "zone: Input should be"),
        (lambda b: b.update(retention_days=0), "retention_days: Input should be greater than or equal to 1"),
    ],
)
def test_an_invalid_table_is_refused_with_file_column_and_reason(folder, change, said):
    assert said in broken(folder, "restricted/presence.yaml", change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b["fields"]["cell_id"].update({"from": ["tac"]}), "column 'tac' is neither under columns nor"),
        (lambda b: b["fields"]["time"].pop("format"), "kind local_text needs a format"),
        (lambda b: b.pop("delimiter"), "delimiter: a csv feed needs one"),
        (lambda b: b.pop("retention_days"), "retention_days: Field required"),
        (lambda b: b.update(retention_days=0), "retention_days: Input should be greater than or equal to 1"),
        (lambda b: b.update(mno_bit=1), "mno_bit 1 of unicom belongs to mobile"),
        (lambda b: b.update(mno="China Mobile"), "mno: String should match pattern"),
        (lambda b: b.update(columns=["a", *b["columns"], "a"]), "columns: 'a' appears twice"),
        (lambda b: b.update(columns=[*b["columns"], ""]), "columns.6: String should have at least 1 character"),
        (lambda b: b.update(delimiter="\n"), "delimiter: holds a character that is not text"),
        (lambda b: b.update(limits={"files": 0}), "limits.files: Input should be greater than or equal to 1"),
        (lambda b: b.update(limits={"lines": 1}), "limits.lines: Extra inputs are not permitted"),
        (
            lambda b: b["fields"]["event"]["kinds"].update({"0": "roaming"}),
            "fields.event.kinds.0: Input should be 'attach'",
        ),
        (lambda b: b["fields"]["time"].update(zone="../../etc/passwd"), "fields.time.zone: no such time zone; write"),
        (lambda b: b["fields"]["time"].update(format="%d-%b-%y"), "fields.time: format: %b is not one of %Y, %m"),
        (lambda b: b["fields"]["time"].update(format="%Y'%m"), "fields.time: format: a single quote is read"),
        (lambda b: b["fields"]["time"].update(format="%Y%m%d%z"), "fields.time: format: %z is of kind zoned_text"),
        (
            lambda b: b["fields"]["time"].update(format="%Y%Y"),
            "fields.time: format: each part of a time appears once",
        ),
    ],
)
def test_an_invalid_feed_is_refused(folder, change, said):
    assert said in broken(folder, "landing/mobile.yaml", change)


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "^(a|a)*$", "^([a-z]+)*$", "^.*.*$", "^.{0,99}.{0,99}$", "^a?a?$", "(?=a)b", r"(a)\1", r"^\w{32}$",
     "^[[:xdigit:]]{32}$", "^[a-z&&[^b]]$", "^[z-a]$", "^a**$", "a{9,1}", "(", "", "^[0-9a-f]{99999}$", "(?i)a",
     "a\nb"],
)  # fmt: skip
def test_a_tokens_pattern_is_one_that_all_engines_match_in_one_pass(folder, pattern):
    said = broken(folder, "landing/mobile.yaml", lambda b: b["fields"]["sim_token"].update(pattern=pattern))
    assert "fields.sim_token.pattern: " in said


@pytest.mark.parametrize(
    "pattern", ["^[0-9a-f]{32}$", "[0-9A-F]{15,16}", "^(?:[0-9a-f]{32}|[0-9A-F]{32})$", r"^\d{15}$", "^.+$"]
)
def test_a_plain_pattern_of_a_token_holds(pattern):
    assert TokenField.model_validate({"from": "sim", "pattern": pattern}).pattern == pattern


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\n", "line 2: an alias (*); write out what it stands for"),
        ("feed: " + "[" * 200_000, "line 1: more than 20 levels within each other"),
        ("feed: " + "{a: " * 200_000, "line 1: more than 20 levels within each other"),
        ("feed: !!python/object/apply:os.system ['true']", "line 1: a tag (!); a contract has none"),
        ("feed: x\nmno: y\nfeed: z\n", "line 1: 'feed' appears twice"),
        ("1: 2\n", "a contract is a mapping of fields"),
        ("feed: " + "9" * 5000, "not valid YAML"),
        ("? [a, b]\n: c\n", "not valid YAML, line 1"),
        ("feed: \0", "not valid YAML"),
        ("a: b\n---\na: b\n", "not valid YAML, line 2"),
        ("#" * (2 << 20), "is larger than 1,048,576 bytes"),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_yaml_that_says_more_than_a_contract_may_is_refused(tmp_path, contracts: Contracts, text, said):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(PopflowError) as refused:
        contracts.with_feeds(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'x.yaml'}: {said}")
    assert "\n" not in str(refused.value)


def test_a_contract_is_a_file_of_text(tmp_path, contracts: Contracts):
    (tmp_path / "x.yaml").write_bytes(b"\xd2\xc6\xb6\xaf: 1")
    with pytest.raises(PopflowError, match="is not UTF-8; save it as UTF-8"):
        contracts.with_feeds(tmp_path)
    (tmp_path / "x.yaml").unlink()
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(PopflowError, match="is not a regular file"):
        contracts.with_feeds(tmp_path)


def test_the_disclosure_constants_can_only_be_raised(folder):
    assert "k: Input should be greater than or equal to 20" in broken(
        folder, "disclosure.yaml", lambda b: b.update(k=19)
    )


def test_what_is_not_yaml_or_not_there_is_said(folder):
    (folder / "areas.yaml").write_text("a: [")
    with pytest.raises(PopflowError, match=r"areas\.yaml: not valid YAML"):
        contracts_module.load(folder)
    with pytest.raises(PopflowError, match="no contracts folder"):
        contracts_module.load(folder / "nowhere")


def test_no_constraint_and_no_statistics_touch_a_secret_column(contracts: Contracts):
    for table in contracts.tables.values():
        secret = {n for n, c in table.columns.items() if c.sensitivity == "secret"}
        assert not secret & set(table.delta_properties()["delta.dataSkippingStatsColumns"].split(","))
        assert not any(name in rule for name in secret for rule in table.constraints().values())


def test_a_feed_of_another_folder_joins_or_stands_alone(folder, contracts: Contracts):
    extra = folder / "extra"
    extra.mkdir()
    body = yaml.safe_load((folder / "landing/mobile.yaml").read_text()) | {"feed": "fourth", "mno": "fourth"}
    (extra / "fourth.yaml").write_text(yaml.safe_dump(body | {"mno_bit": 3}))
    assert set(contracts.with_feeds(extra).mno_bits()) == {"mobile", "unicom", "telecom", "fourth"}
    assert contracts.with_feeds(extra, only=True).mno_bits() == {"fourth": 3}
    (extra / "fourth.yaml").write_text(yaml.safe_dump(body))
    with pytest.raises(PopflowError, match="mno_bit 0 of fourth belongs to mobile"):
        contracts.with_feeds(extra)


def test_the_dictionary_names_every_column_and_is_committed_as_generated(contracts: Contracts):
    page = data_dictionary(contracts)
    for table in contracts.tables.values():
        assert f"### {table.table}\n" in page
        assert all(f"| {name} | {column.type} |" in page for name, column in table.columns.items())
    committed = Path(__file__).parents[1] / "docs" / "reference" / "data_dictionary.md"
    assert committed.read_text(encoding="utf-8") == page, "run 'popflow dictionary --out docs/reference'"


OPENED = {"who": "the commission", "when": dt.date(2020, 1, 24), "reference": "2020-17"}


def test_nothing_is_public_without_a_named_decision(folder, contracts: Contracts):
    assert {table.classification for table in contracts.tables.values() if table.zone == "published"} == {"internal"}
    assert [table.table for table in contracts.tables.values() if table.opened_by] == []
    assert "classification: public, and no decision opens it" in broken(
        folder, "published/flows.yaml", lambda b: b.update(classification="public")
    )


@pytest.mark.parametrize("lacking", ["who", "when", "reference"])
def test_a_decision_is_named_in_full(folder, lacking: str):
    part = {name: value for name, value in OPENED.items() if name != lacking}
    assert f"opened_by.{lacking}: Field required" in broken(
        folder, "published/flows.yaml", lambda b: b.update(classification="public", opened_by=part)
    )


def test_the_dictionary_prints_who_opened_a_table_and_who_may_read_it_for_what(folder):
    path = folder / "published/flows.yaml"
    body = yaml.safe_load(path.read_text()) | {"classification": "public", "opened_by": OPENED}
    path.write_text(yaml.safe_dump(body))
    page = data_dictionary(contracts_module.load(folder))
    said = "Classification: public, opened by the commission on 2020-01-24 (2020-17). Purpose: epidemic_prevention. "
    assert f"{said}Recipients: analysts." in page
    assert "- `popflow.release.correction.correct`, 15 days: a date can be corrected for 15 days" in page


def test_types_hold_dates_and_timestamps(contracts: Contracts):
    schema = contracts.table("releases").arrow_schema()
    now = dt.datetime(2020, 1, 23, 2, tzinfo=dt.UTC)
    assert pa.array([now], schema.field("released_at_utc").type).to_pylist() == [now]
