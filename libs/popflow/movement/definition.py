"""The numbers of the movement rules. Reasons: METHODS.md.

To change a number is to make a new definition: give it a new name in the contracts of the indicators that go by it.
"""

from __future__ import annotations

SLOTS_A_DAY = 96  # quarter-hours
SLOTS_A_WORD = 48  # slots in each of the two bitmaps
SLOTS_AN_HOUR = 4
HOURS_A_DAY = 24

SPEAKER_INERTIA = 2  # yesterday's speaking SIM stays until another has more than this many times its slots
PING_PONG_SLOTS = 2  # longest visit that is absorbed when the county before it comes back at once
MAX_GAP_SLOTS = 32  # longest silence between two observations that a run outlasts: 8 h
MIN_RUN_SLOTS = 4  # shortest run that can be a day end while there is such a one: 1 h

CARRY_DAYS = 7  # a silent person's day end is carried so many days

DAY_HOURS = range(10, 16)  # full hours of a working day, at which it is asked where somebody spends it
LEAST_DAY_HOURS = 2  # of these at which a person has to be placed
