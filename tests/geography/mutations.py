"""Files that went wrong: bytes cut, repeated, exchanged or struck, and values put where others belong."""

from __future__ import annotations

from hypothesis import strategies as st

ODD = ("", "NaN", "null", "4.2E+05", "1e999", "-1", "0x1F", "01", "１２", "\x00", "\n", "\r", '"', "'", ";", ",", "\t",
       "|", "\ufeff", "\ud7ff", "𠮷", "江岸区", "é", "../../etc/passwd", "=cmd()", "[/red]", "%s", "9" * 400,
       "x" * 5000, "{" * 2000, "[" * 2000, "2020-02-30", "460-00-1-1", "1" * 11, "Infinity")  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
    """Bytes of a sound file after one to four accidents."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(1, 64))
        match draw(st.integers(0, 5)):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length] * draw(st.integers(1, 3))
            case 3:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 4:
                data[at : at + length] = draw(st.binary(max_size=length))
            case _:
                data[at:at] = draw(st.sampled_from(ODD)).encode("utf-8", "surrogatepass")
    return bytes(data)
