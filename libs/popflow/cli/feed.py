"""popflow feed: a feed's contract made by questions, and tried on a file. No Spark, no lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from popflow.cli.delivery import MOST_ROWS, SAMPLE_ROWS, Contracted, known_contracts
from popflow.cli.screen import DATE_HELP, day, plain_text, progress, say
from popflow.contracts import Contracts
from popflow.declared import entries, validated
from popflow.errors import PopflowError, printable
from popflow.feeds import Feed

if TYPE_CHECKING:
    from popflow.delivery.guesses import Answers
    from popflow.delivery.new_feed import Question

feed = typer.Typer(help="Make and try a feed's contract; no Spark, no lake.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(feed, name="feed")


@feed.command("try")
def try_(
    file: Annotated[Path, typer.Argument(help="A file of the MNO, as it would be sent.")],
    feed_name: Annotated[str, typer.Option("--feed", help="Feed by name, or its YAML file.")],
    cells: Annotated[Path | None, typer.Option(help="The MNO's cells, CSV or Parquet.")] = None,
    counties: Annotated[Path | None, typer.Option(help="Own polygons; those that popflow ships if not given.")] = None,
    date: Annotated[str, typer.Option(help=f"Date of the delivery; the commonest if not given. {DATE_HELP}")] = "",
    rows: Annotated[int, typer.Option(min=0, max=1000, help="First rows that are shown.")] = 5,
    failures: Annotated[int, typer.Option(min=0, max=10_000, help="Rows that fail, shown for each reason.")] = 10,
    sample: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="Lines that are classified, about.")] = SAMPLE_ROWS,
    whole: Annotated[bool, typer.Option("--whole", help="Classify every line.")] = False,
    contracts_folder: Contracted = None,
) -> None:
    """Show what a feed's contract reads in a file, and why rows fail; no token is shown.

    Exit code 1 where the file would be set aside whole.

    Example: popflow feed try first.csv.gz --feed feeds/virtual.yaml --cells cells.csv
    """
    from popflow.delivery.files import Look
    from popflow.delivery.known_cells import known_cells
    from popflow.delivery.told import fitted, trial_lines
    from popflow.delivery.trial import try_file

    known, contract = named_feed(feed_name, known_contracts(contracts_folder))
    if counties and not cells:
        raise PopflowError("--counties: give the cells that lie in them too, by --cells")
    with progress("reading") as on_progress:
        of_mno = known_cells(cells, known, contract.mno, counties, on_progress) if cells else None
        look = Look(None if whole else sample, rows, failures)
        found = try_file(file, contract, of_mno, day(date) if date else None, look)
    for line in fitted(trial_lines(found, failures)):
        say(line)
    if found.found.set_aside:
        raise typer.Exit(1)


def named_feed(name: str, known: Contracts) -> tuple[Contracts, Feed]:
    """A feed by its name or its YAML file, and the contracts with it."""
    if not name.endswith(".yaml"):
        if name not in known.feeds:
            there = ", ".join(sorted(known.feeds))
            raise PopflowError(f"--feed: no feed '{printable(name)}'; there are {there}, or give its YAML file")
        return known, known.feeds[name]
    found = validated(Feed, dict(entries(Path(name))), Path(name))
    others = {key: one for key, one in known.feeds.items() if one.mno != found.mno}
    return known.model_copy(update={"feeds": others | {found.feed: found}}), found


@feed.command()
def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=plain_text, help="Name of the feed, and of its file.")],
    file: Annotated[Path | None, typer.Option("--file", help="A first file, to guess answers from.")] = None,
    folder: Annotated[Path, typer.Option(help="Folder of the feeds.")] = Path("feeds"),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take options, guesses and defaults.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write it anew where there is one.")] = False,
    mno: Annotated[str | None, typer.Option(help="The MNO; the feed's name if not given.")] = None,
    mno_bit: Annotated[
        int | None, typer.Option(min=0, max=30, help="The MNO's number; a free one if not given.")
    ] = None,
    meaning: Annotated[str | None, typer.Option(help="What the feed holds, in a sentence.")] = None,
    format: Annotated[str | None, typer.Option(help="csv, jsonl or parquet.")] = None,
    compression: Annotated[str | None, typer.Option(help="none or gzip.")] = None,
    file_pattern: Annotated[str | None, typer.Option(help="Names of the files, as '*.csv.gz'.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="What stands between the fields; tab for a tab.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns in their order, with commas.")] = None,
    token: Annotated[str | None, typer.Option(help="Column with the SIM's pseudonym.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Form of the pseudonym, as '^[0-9a-f]{32}$'.")] = None,
    time: Annotated[str | None, typer.Option(help="Column with the record's time.")] = None,
    time_kind: Annotated[str | None, typer.Option(help="local_text, zoned_text, epoch_ms, timestamp_us ...")] = None,
    time_format: Annotated[str | None, typer.Option(help="Format of a time in text, as '%Y-%m-%d %H:%M:%S'.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone that its clocks show.")] = None,
    cell: Annotated[str | None, typer.Option(help="Column of the cell, or columns with commas.")] = None,
    cell_base: Annotated[str | None, typer.Option(help="decimal, hex or text.")] = None,
    cell_prefix: Annotated[str | None, typer.Option(help="Network before the cell's numbers, as 460-00.")] = None,
    cell_separator: Annotated[str | None, typer.Option(help="What joins the parts of a cell's id.")] = None,
    event: Annotated[str | None, typer.Option(help="Column with the kind of event; - for none.")] = None,
    kinds: Annotated[str | None, typer.Option(help="What its values mean, as A=attach,U=location_update.")] = None,
    retention_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days that a delivery stays in landing.")
    ] = None,
) -> None:
    """Ask what a feed is like, and write its YAML; with --file what the file tells is proposed.

    Example: popflow feed new virtual --file first.csv.gz
    """
    from popflow.delivery.answers import fault_of
    from popflow.delivery.guesses import guessed
    from popflow.delivery.new_feed import QUESTIONS, feed_of_answers, write_feed

    answers: Answers = {one: value for one in (*(q.key for q in QUESTIONS), "mno_bit")
                        if (value := context.params[one]) is not None}  # fmt: skip
    known = known_contracts(folder if folder.is_dir() and any(folder.glob("*.yaml")) else None)
    guesses: Answers = {"mno": name} | (guessed(file) if file else {})
    for question in QUESTIONS:
        if question.key not in answers and question.is_asked(answers):
            answers[question.key] = _answer(question, guesses, answers, yes)
            while not yes and (fault := fault_of(question.key, answers)):
                say(f"  {fault}")
                answers[question.key] = _answer(question, guesses, answers, yes)
    path = folder / f"{name}.yaml"
    _, text = feed_of_answers(name, answers, known, path)
    say(f"written: {write_feed(folder, name, text, replace=replace)}")
    say(f"try it: popflow feed try {file or 'FILE'} --feed {path} --cells CELLS.csv")


def _answer(question: Question, guesses: Answers, answers: Answers, yes: bool) -> Any:
    """The answer to one question: the guess or default where nothing is asked, else what is typed."""
    proposed = guesses.get(question.key, question.default)
    if isinstance(proposed, str):
        proposed = proposed.replace("{mno}", str(answers.get("mno", "")))
    if yes:
        if proposed is None:
            raise PopflowError(f"{question.option}: the file does not tell it; {question.words}")
        return proposed
    seen = guesses.get(f"{question.key}_seen")
    words = f"{question.words}; the first rows have {printable(seen)}" if seen else question.words
    if isinstance(proposed, bool):
        return typer.confirm(words, default=proposed)
    return typer.prompt(words, default=proposed, type=int if isinstance(proposed, int) else str)
