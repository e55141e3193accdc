"""The pages on feed and manifest are those that the models make, and the schema takes what the intake takes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from popflow.delivery.pages import EXAMPLE, KINDS_OF_TIME, feed_page, manifest_page, manifest_schema
from popflow.errors import PopflowError
from popflow.feeds import EventKind, Feed, TimeKind
from popflow.intake.manifests import Manifest, ManifestFile, parsed

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SCHEMA = json.loads(manifest_schema())


@pytest.mark.parametrize(
    ("name", "made"),
    [("feed.md", feed_page), ("manifest.md", manifest_page), ("manifest.schema.json", manifest_schema)],
)
def test_what_is_committed_is_what_the_models_make(name: str, made):
    assert (REFERENCE / name).read_text(encoding="utf-8") == made(), "run 'popflow dictionary --out docs/reference'"


def test_the_feeds_page_holds_every_key_and_value_with_its_meaning():
    page, schema = feed_page(), Feed.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for key, said in model["properties"].items():
            assert f"| `{key}` |" in page
            assert said.get("description"), key
    for value in (*TimeKind.__args__, *EventKind.__args__):
        assert f"`{value}`" in page
    assert set(KINDS_OF_TIME) == set(TimeKind.__args__)


def test_the_manifests_page_holds_every_field_and_its_example_is_one():
    page = manifest_page()
    for name in (*Manifest.model_fields, *ManifestFile.model_fields):
        assert f"| `{name}` |" in page
    example = page.partition("```json\n")[2].partition("```")[0]
    assert parsed(example.encode()).files[0].rows == EXAMPLE["files"][0]["rows"]
    jsonschema.validate(json.loads(example), SCHEMA)


def changed(*path: Any, value: Any = ...) -> dict[str, Any]:
    """The example with one value changed, or left out."""
    said: Any = copy.deepcopy(EXAMPLE)
    place = said
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return said


FILE = ("files", 0)
GOOD = [
    changed("created_at_utc"), changed(*FILE, "area"), changed("event_date", value="20200122"),
    changed("more", value=1),
    changed(*FILE, "rows", value="14"), changed(*FILE, "sha256", value="AB" * 32), changed(*FILE, "rows", value=0),
    changed(*FILE, "name", value="湖北 武汉.csv"), changed("delivery_id", value="x" * 255),
]  # fmt: skip
BAD = [
    *(changed(name) for name in ("mno", "event_date", "delivery_id", "files")),
    *(changed(*FILE, name) for name in ("name", "bytes", "sha256", "rows")),
    *(changed(*FILE, "name", value=name) for name in ("", "a/b", "a\\b", "a\x00", "a\n", 5, None)),
    *(changed("delivery_id", value=name) for name in ("it's", "`a`", "x" * 256)),
    *(changed("event_date", value=date) for date in ("22.01.2020", "2020-1-22", 20200122, None)),
    *(changed(*FILE, "rows", value=rows) for rows in (-1, 1.5, "1e3", "", None, [])),
    *(changed(*FILE, "sha256", value=sha) for sha in ("ab", "g" * 64, 5)),
    *(changed("files", value=files) for files in ([], {}, None, [5])),
]


@pytest.mark.parametrize("said", GOOD, ids=str)
def test_the_schema_takes_what_the_intake_takes(said: dict[str, Any]):
    parsed(json.dumps(said).encode())
    jsonschema.validate(said, SCHEMA)


@pytest.mark.parametrize("said", BAD, ids=str)
def test_the_schema_refuses_what_the_intake_refuses(said: dict[str, Any]):
    with pytest.raises(PopflowError):
        parsed(json.dumps(said).encode())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, SCHEMA)
