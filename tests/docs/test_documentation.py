"""The documentation builds offline and strictly, its commands parse, and what needs no Spark runs on a lake."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer.main
from small_docs_lake import write
from typer.testing import CliRunner

from popflow import contracts
from popflow.cli import app
from published_lake import release_row, write_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "THREATS.md",
        ROOT / "CONTRIBUTING.md",
        *DOCS.glob("*.md"),
        *DOCS.glob("[hr]*/*.md"),
        *DOCS.glob("ex*/*.md"),
    ]
)
RUN = ("pull", "report", "doctor", "releases", "share grant", "share grants", "share revoke")  # what needs no Spark
LOADS = re.compile(r"""<(?:script|img|iframe|source)[^>]+src=["']?(?:https?:)?//|<link[^>]+href=["']?(?:https?:)?//""")


def code_blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of each piece of code; '' for one that is set in by four spaces."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"```(\w*)[^\n]*\n(.*?)```", text, re.S)
    without = re.sub(r"```.*?```", "", text, flags=re.S)
    return [*fenced, ("", "\n".join(re.findall(r"^    (\S.*)$", without, re.M)))]


def commands(page: Path) -> list[str]:
    """Every call of popflow in a page: of its code, and of what is set as code in its text."""
    lines = [line for language, text in code_blocks(page) if language in ("", "bash") for line in text.splitlines()]
    called = [
        line[line.index("popflow ") :] for line in lines if re.match(r"(scripts/cluster.sh run )?popflow [a-z]", line)
    ]
    inline = re.findall(r"`(popflow [a-z][^`]*)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.S))
    return called + [f"{text} ..." for text in inline]


def parse(command: Any, name: str, words: list[str], parent: Any = None) -> None:
    """Raise what the program would for words that it does not know; nothing is run."""
    if not hasattr(command, "commands"):
        command.make_context(name, words, parent=parent)
        return
    context = command.make_context(name, words[:0], parent=parent, resilient_parsing=True)
    assert words[0] in command.commands, f"there is no command '{name} {words[0]}'"
    parse(command.commands[words[0]], words[0], words[1:], context)


def known(words: list[str]) -> bool:
    """Whether the words begin with a command that there is."""
    command = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True


ALL = [pytest.param(line, id=f"{page.stem}: {line[:60]}") for page in PAGES for line in commands(page)]


@pytest.mark.parametrize("line", ALL)
def test_every_command_is_one_that_the_program_knows(line: str):
    called = re.split(r"\s{2,}|\s#", line)[0]  # what stands further right explains it
    words = [word for word in shlex.split(called)[1:] if word != "FILE"]
    if "..." in words or "|" in line:  # in a sentence, without all of its options
        assert known(words[:1])
        return
    parse(typer.main.get_command(app), "popflow", words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_make_target_is_one_that_there_is(page: Path):
    makefiles = [ROOT / "Makefile", ROOT / "airflow_dags" / "airflow.mk"]
    assert "include airflow_dags/airflow.mk" in makefiles[0].read_text().splitlines()
    targets = {name for file in makefiles for name in re.findall(r"^([a-z0-9-]+):", file.read_text(), re.M)}
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:^    |`)make ([a-z0-9-]+)", text, re.M)
    assert set(named) <= targets


def test_a_wrong_command_would_be_seen():
    program = typer.main.get_command(app)
    with pytest.raises(AssertionError, match="no command"):
        parse(program, "popflow", ["pul"])
    with pytest.raises(Exception, match="No such option"):
        parse(program, "popflow", ["pull", "outflow", "--aera", "wuhan"])


@pytest.fixture
def _at_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published_once: Path) -> None:
    for name in ("lake", "demo/lake"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(published_once)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_counts(write(tmp_path_factory.mktemp("docs") / "lake"))


def with_counts(lake: Path) -> Path:
    """The lake with figures in hundreds of some weeks."""
    dates = [dt.date(2020, 1, 6) + dt.timedelta(days=n) for n in range(17)]
    for name, hours in (("population", (3, 10)), ("arrivals", (None,)), ("daytime", (None,))):
        rows = [(name, date, 1, hour, county, None, 2000, f"{name}-1")
                for date in dates for hour in hours for county in ("420102", "430102", "440305")]  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(contracts.load().table("counts").columns))
        write_table(lake, "counts", frame.assign(hour=frame["hour"].astype("Int32")))
        write_table(lake, "releases", pd.DataFrame([release_row(date, indicator=name) for date in dates]))
    return lake


PIECES = [page for page in PAGES if page.parent != DOCS / "design" and not page.stem.startswith("read-with-")]
WITH_CODE = [page for page in PIECES if any("popflow" in text for _, text in code_blocks(page))]


@pytest.mark.usefixtures("_at_the_lake")
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_what_needs_no_spark_runs_in_the_order_of_the_page(page: Path):
    names: dict[str, object] = {}
    for title, text in re.findall(r'```yaml title="([^"]+)"\n(.*?)```', page.read_text(), re.S):
        Path(title).parent.mkdir(parents=True, exist_ok=True)
        Path(title).write_text(text)
    for language, text in code_blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), names)
        for line in text.splitlines() if language in ("bash", "") else []:
            if line.startswith("popflow ") and line.removeprefix("popflow ").startswith(RUN):
                outcome = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
                assert outcome.exit_code == 0, outcome.output


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    call = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "-f",
        str(ROOT / "mkdocs.yml"),
        "-d",
        str(folder),
    ]
    built = subprocess.run(call, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_asks_nothing_of_the_network(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    assert {page.name for page in pages if LOADS.search(page.read_text(encoding="utf-8"))} == set()


def test_the_made_pages_hold_every_command_and_docstring(site: Path):
    commands_page = (site / "reference/commands.html").read_text(encoding="utf-8")
    for name in ("popflow pull outflow", "popflow share serve", "popflow doctor"):
        assert f">{name}<" in commands_page
    assert "person-trips" in (site / "reference/python.html").read_text(encoding="utf-8")
    assert "day-end-1" in (site / "explanation/methods.html").read_text(encoding="utf-8")
