"""What people see of the accuracy: a table of the figures that are promised, and a chart of what each trouble costs."""

from __future__ import annotations

from pathlib import Path

import altair as alt
import pandas as pd

from popflow.accuracy.runs import ALL, NONE, NOT_PROMISED, PROMISED, THIN, Asked
from popflow.synthetic.troubles import Troubles

# What is promised of the nation `promised`: quantity, level, figure, limit.
PROMISES = [
    ("outflow", "prefecture", "wmape", 0.02),
    ("outflow, large cells", "county", "wmape", 0.05),
    ("outflow", "county", "bias", 0.01),
    ("population", "county", "wmape", 0.01),
]
IN_WORDS = {"outflow": "Wuhan's outflow", "outflow, large cells": "Wuhan's outflow, cells of 200 movers and more",
            "flows": "All flows", "population": "Day-end population"}  # fmt: skip
CHARTED = [("outflow", "prefecture"), ("outflow", "county"), ("flows", "prefecture"), ("population", "county")]


def promises(spreads: pd.DataFrame) -> pd.DataFrame:
    """One row per promise: its figure, mean and worst over the seeds, and whether it is kept."""
    rows = []
    for quantity, level, figure, limit in PROMISES:
        found = _one(spreads, quantity, level).query("trouble == @PROMISED")
        for one in found.to_dict("records"):
            worst = max(abs(one[f"{figure}_min"]), abs(one[f"{figure}_max"]))
            kept = "no cell is so large" if not one["cells"] else "yes" if worst <= limit else "no"
            rows.append({"what": f"{IN_WORDS[quantity]} by {level}", "figure": figure, "mean": one[f"{figure}_mean"],
                         "worst seed": worst, "limit": limit, "kept": kept, "cells": round(one["cells"])})  # fmt: skip
    return pd.DataFrame(rows)


def costs(spreads: pd.DataFrame) -> pd.DataFrame:
    """One row per trouble: WMAPE in percent, mean over the seeds and their range, of the quantities charted."""
    table = pd.DataFrame({"trouble": list(dict.fromkeys(spreads["trouble"]))})
    for quantity, level in CHARTED:
        found = _one(spreads, quantity, level).set_index("trouble")
        named = {name: _percent(found.loc[name]) for name in found.index}
        table[f"{IN_WORDS[quantity]} by {level}"] = table["trouble"].map(named)
    return table


def by_rate(spreads: pd.DataFrame) -> pd.DataFrame:
    """One row per rate of thin phones: moves said over true ones and the share found, mean over the seeds and range."""
    table = pd.DataFrame({"phones": [name for name in dict.fromkeys(spreads["trouble"]) if name.endswith(THIN)]})
    for level in ("prefecture", "county"):
        found = _one(spreads, "flows", level).set_index("trouble")
        for figure, said, plus in (("bias", "said / true", 1), ("found", "found", 0)):
            texts = {name: _ratio(found.loc[name], figure, plus) for name in table["phones"]}
            table[f"{level} moves {said}"] = table["phones"].map(texts)
    return table


def write(asked: Asked, all_scores: pd.DataFrame, spreads: pd.DataFrame) -> list[Path]:
    """scores.csv (a row per nation), accuracy.csv (by trouble, with the spread) and accuracy.html (chart, tables)."""
    files = [asked.out / name for name in ("scores.csv", "accuracy.csv", "accuracy.html")]
    all_scores.to_csv(files[0], index=False)
    spreads.to_csv(files[1], index=False)
    _write_page(asked, spreads, files[2])
    return files


def chart(spreads: pd.DataFrame) -> alt.HConcatChart:
    """WMAPE by trouble: a point for the mean over the seeds, a line from the best to the worst seed."""
    return alt.hconcat(*(_panel(_one(spreads, *what), *what) for what in CHARTED))


def _panel(rows: pd.DataFrame, quantity: str, level: str) -> alt.LayerChart:
    order = alt.EncodingSortField("wmape_mean", order="descending")
    trouble = alt.Y("trouble:N", sort=order, title=None)
    base = alt.Chart(rows.assign(meaning=rows["trouble"].map(_meaning))).encode(y=trouble)
    told = ["trouble", "meaning", "wmape_mean", "wmape_min", "wmape_max", "bias_mean", "rank_mean", "cells", "seeds"]
    line = base.mark_rule().encode(x=alt.X("wmape_min:Q", title="WMAPE", axis=alt.Axis(format=".1%")), x2="wmape_max:Q")
    point = base.mark_point(filled=True, size=50).encode(x="wmape_mean:Q", tooltip=told)
    return (line + point).properties(title=f"{IN_WORDS[quantity]} by {level}", width=220)


def _write_page(asked: Asked, spreads: pd.DataFrame, file: Path) -> None:
    chart(spreads).save(file, inline=True)  # the whole of Vega is in the file: no network
    head = (
        f"<h1>Unprotected figures beside the truth</h1><p>Simulated nations of {asked.persons:,} persons over "
        f"{asked.days} dates, seeds {', '.join(map(str, asked.seeds))}. A trouble's name: that one alone; all: every "
        f"one at its rate; promised: all but {', '.join(NOT_PROMISED)}; none: a feed without any. A cell is "
        "of one date. Point: mean; line: best to worst seed.</p>"
    )
    tables = "".join(
        f"<h2>{title}</h2>{frame.to_html(index=False, float_format=lambda x: f'{x:.4f}', border=0)}"
        for title, frame in (
            ("Promised", promises(spreads)),
            ("By records a day", by_rate(spreads)),
            ("Every figure", spreads),
        )
        if len(frame)
    )
    text = file.read_text(encoding="utf-8")
    opened, body, rest = text.partition("<body>")
    file.write_text(f"{opened}{body}{head}{rest.replace('</body>', f'{tables}</body>')}", encoding="utf-8")


def _one(spreads: pd.DataFrame, quantity: str, level: str) -> pd.DataFrame:
    return spreads[(spreads["quantity"] == quantity) & (spreads["level"] == level)]


def _percent(row: pd.Series) -> str:
    return f"{100 * row['wmape_mean']:.2f} % ({100 * row['wmape_min']:.2f}-{100 * row['wmape_max']:.2f})"


def _ratio(row: pd.Series, figure: str, plus: int) -> str:
    mean, least, most = (plus + row[f"{figure}_{what}"] for what in ("mean", "min", "max"))
    return f"{mean:.3f} ({least:.3f}-{most:.3f})"


def _meaning(trouble: str) -> str:
    if trouble.endswith(THIN):
        return f"every trouble at its rate, and all phones speak {trouble.removesuffix(THIN)} times a day"
    of_several = {
        ALL: "every trouble at its rate",
        PROMISED: f"every trouble but {', '.join(NOT_PROMISED)}",
        NONE: "no trouble",
    }
    return of_several.get(trouble) or Troubles.meaning(trouble)
