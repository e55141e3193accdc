"""A night waits for its MNOs; without one it goes on by somebody's word alone, and says so."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from popflow.errors import Held, PopflowError
from popflow.quality.coverage import coverage, warning_of

DAY = dt.date(2020, 1, 22)
MNOS = ("mobile", "unicom", "telecom")
ALL = dict.fromkeys(MNOS, True)


def activity(tonight: dict[str, int], nights: int = 5) -> pd.DataFrame:
    rows = [
        (DAY - dt.timedelta(days=back), mno, code, tonight.get(mno, 0) if back == 0 else 1000, [1] * 24)
        for back in range(nights + 1)
        for mno in MNOS
        for code in ("420100", "430100")
        if back or tonight.get(mno, 0)
    ]
    return pd.DataFrame(rows, columns=["date", "mno", "prefecture_code", "sims", "sims_by_hour"])


USUAL = activity(dict.fromkeys(MNOS, 1000))


def test_all_there_is_unmarked():
    assert coverage(MNOS, ALL, USUAL, DAY).mnos == MNOS
    assert coverage(MNOS, ALL, USUAL, DAY).reason is None


def test_a_missing_mno_holds_the_date_back():
    with pytest.raises(Held, match="2020-01-22 is held back: no complete delivery of telecom"):
        coverage(MNOS, ALL | {"telecom": False}, USUAL, DAY)


@pytest.mark.parametrize(("sims", "held"), [(800, False), (790, True), (500, True)])
def test_a_thin_mno_holds_the_date_back(sims: int, held: bool):
    thin = activity({"mobile": 1000, "unicom": 1000, "telecom": sims})
    if not held:
        assert coverage(MNOS, ALL, thin, DAY).mnos == MNOS
        return
    with pytest.raises(Held, match=f"telecom are {sims / 10:.0f} % of their trailing norm"):
        coverage(MNOS, ALL, thin, DAY)


def test_a_landed_mno_without_any_active_sim_holds_the_date_back():
    with pytest.raises(Held, match="telecom are 0 %"):
        coverage(MNOS, ALL, activity({"mobile": 1000, "unicom": 1000}), DAY)


def test_a_prefecture_that_went_silent_holds_the_date_back():
    silent = USUAL.copy()
    tonight = (silent["date"] == DAY) & (silent["mno"] == "unicom")
    silent.loc[tonight & (silent["prefecture_code"] == "420100"), "sims"] = 10
    silent.loc[tonight & (silent["prefecture_code"] == "430100"), "sims"] = 1900
    with pytest.raises(Held, match="prefectures near their trailing norm"):
        coverage(MNOS, ALL, silent, DAY)
    assert coverage(MNOS, ALL, silent, DAY, sample=True).mnos == MNOS  # a sample may leave a city together


def test_without_history_what_landed_counts():
    assert coverage(MNOS, ALL, activity(dict.fromkeys(MNOS, 5), nights=0), DAY).mnos == MNOS


def test_an_operators_word_goes_on_marked():
    found = coverage(MNOS, ALL | {"telecom": False}, USUAL, DAY, ("telecom",), "its data centre burnt down")
    assert found.mnos == ("mobile", "unicom")
    assert found.reason == "without telecom: its data centre burnt down"
    assert "cannot be corrected later" in warning_of(found.missing, DAY)


@pytest.mark.parametrize(
    ("allowed", "reason", "said"),
    [
        (("telecom",), " ", "needs --reason"),
        (("telstra",), "x", "no such MNO"),
        (MNOS, "x", "without any MNO"),
        (("mobile",), "x", "is there and whole"),
    ],
)
def test_an_empty_or_needless_word_is_refused(allowed: tuple[str, ...], reason: str, said: str):
    with pytest.raises(PopflowError, match=said):
        coverage(MNOS, ALL | {"telecom": False}, USUAL, DAY, allowed, reason)
