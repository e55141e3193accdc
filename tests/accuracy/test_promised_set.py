"""Which troubles the promised figures are of: a trouble that is added later is not silently one of them."""

from __future__ import annotations

from popflow.accuracy.runs import NOT_PROMISED, troubles_named
from popflow.synthetic.troubles import Troubles

PROMISED = {
    "several_sims", "iot_lines", "data_only_lines", "unregistered_sims", "duplicates", "wrong_day", "free_text",
    "damaged_records", "unknown_cells", "border_ping_pong", "heard_across", "night_silence", "phone_off", "late_files",
    "outages", "new_cells", "unequal_shares", "day_trips", "round_trips",
}  # fmt: skip


def test_the_promise_is_made_for_these_troubles_at_their_rates_and_for_no_others():
    promised = troubles_named("promised")
    on = {name for name in Troubles.names() if getattr(promised, name) > 0}
    assert on == PROMISED
    assert all(getattr(promised, name) == getattr(Troubles.all(), name) for name in PROMISED)


def test_every_trouble_is_promised_or_named_as_not():
    assert set(Troubles.names()) == PROMISED | set(NOT_PROMISED)
