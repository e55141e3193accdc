"""A feed that no code knows: its contract, and a line of it."""

from __future__ import annotations

FOURTH = """
feed: regional
mno: regional
mno_bit: 3
meaning: A regional feed, 21 headerless comma-separated columns
format: csv
file_pattern: '*.csv'
retention_days: 7
delimiter: ','
columns: [token, lac, ci, c4, c5, c6, c7, at, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, text]
fields:
  sim_token: {from: token, pattern: '^[0-9a-f]{32}$'}
  time: {from: at, kind: local_text, format: '%Y-%m-%d %H:%M:%S.%f', zone: Asia/Shanghai}
  cell_id: {from: [lac, ci], base: decimal, prefix: '460-00', separator: '-'}
"""


def regional_line(token: str, at: str, lac: object, ci: object, text: str = "") -> str:
    """A line of the fourth feed."""
    return ",".join([token, str(lac), str(ci), *"4567", at, *["x"] * 12, text])
