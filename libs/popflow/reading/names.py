"""Places as people write them: by code, Chinese, pinyin or English name, and the names to print beside codes.

A place is asked for by text and found by code, by its whole name, by its name without the word for its kind (湖南 for
湖南省, changsha for Changsha Shi), by its name with u for ü, or by how its name begins, in this order; in each,
provinces before prefectures before counties. What is not found is refused with the nearest names there are.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from popflow.contracts import Area
from popflow.errors import PopflowError
from popflow.geography.codes import Level, at_level, is_code, prefecture_of

if TYPE_CHECKING:
    import pandas as pd

LISTED = 5  # areas that a message names, at most
LEVELS: tuple[Level, ...] = ("province", "prefecture", "county")
CHINESE = re.compile(r"[㐀-鿿]")
PEOPLES = (
    "壮|回|维吾尔|藏|苗|彝|土家|侗|瑶|白|傣|哈尼|黎|朝鲜|蒙古|哈萨克|柯尔克孜|羌|景颇|傈僳|布依|满|畲|达斡尔|鄂温克|鄂伦春|仫佬|毛南|"
    "水|纳西|拉祜|佤|布朗|怒|独龙|普米|东乡|保安|撒拉|土|裕固|锡伯|塔吉克|仡佬|各"
)
KINDS_ZH = re.compile(rf"((?:(?:{PEOPLES})族?)*自治[区州县旗]|特别行政区|林区|新区|地区|省|市|盟|县|区|旗)$")
UMLAUT = re.compile("[üǖǘǚǜ]|u:|(?<=[lL])yu(?=\\B)")  # of Lüliang, which people write Lvliang, Lu:liang, Lyuliang
DIAERESIS = "\u0308"
KINDS_LATIN = re.compile(r"\s(province|city|prefecture|county|district|sheng|shi|diqu|qu|xian|qi|meng)$")


@dataclass(frozen=True)
class Place:
    """A province, prefecture or county of the published edition."""

    level: str
    code: str
    name_zh: str
    name_en: str

    def __str__(self) -> str:
        return f"{self.name_en} {self.name_zh} ({self.level} {self.code})"


@dataclass(frozen=True)
class AskedArea:
    """An area that is asked about, and the chain of published rows that holds it."""

    name: str
    level: str
    code: str
    name_zh: str
    name_en: str
    chain: str
    province_code: str


def plain(text: str) -> str:
    """A name without accents, brackets, apostrophes and capitals: Xī'ān Shì [..] -> xian shi; ü is v, as typed."""
    without_brackets = re.sub(r"[\[(（].*?[\])）]", " ", str(text))
    with_v = UMLAUT.sub("v", unicodedata.normalize("NFKC", without_brackets).lower())
    letters = unicodedata.normalize("NFKD", with_v)
    kept = "".join(" " if c in "-_/" else c for c in letters if not unicodedata.combining(c) and c not in "'’ʼ`·.")
    return " ".join(kept.lower().split())


@dataclass(frozen=True)
class Names:
    """Places by their whole names, by these without the word for their kind, with u for ü, and by how they begin."""

    whole: dict[str, list[Place]]
    short: dict[str, list[Place]]
    folded: dict[str, list[Place]]
    begins: dict[str, list[Place]]

    def add(self, place: Place) -> None:
        """Take in a place under all spellings of its names."""
        for name in {place.name_zh, place.name_en}:
            whole = plain(name)
            short = shortened(whole)
            for spelling in {whole, whole.replace(" ", "")}:
                self.whole[spelling].append(place)
            for spelling in {short, short.replace(" ", "")} - {""}:
                self.short[spelling].append(place)
            for spelling in {whole, whole.replace(" ", ""), short, short.replace(" ", "")}:
                if (without := re.sub("(?<=[ln])v", "u", spelling)) != spelling:
                    self.folded[without].append(place)
            for start in _beginnings(whole):
                self.begins[start].append(place)


class Places:
    """Every province, prefecture and county of one edition, found by code or by name."""

    def __init__(self, counties: pd.DataFrame) -> None:
        """In: rows of the contract `counties`, one edition; geometry is not needed."""
        self._by_code: dict[tuple[str, str], Place] = {}
        for level in reversed(LEVELS):
            for place in _places(counties, level):
                self._by_code[level, place.code] = place

    @functools.cached_property
    def _names(self) -> Names:
        """What names mean, made at the first question by name: a third of a second."""
        names = Names(defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list))
        for place in sorted(self._by_code.values(), key=lambda p: LEVELS.index(p.level)):
            names.add(place)
        return names

    def get(self, level: str, code: str) -> Place | None:
        """The place of a code at a level; None where the edition has none."""
        return self._by_code.get((level, code))

    def all(self, level: str) -> list[Place]:
        """Every place of a level, by code."""
        return sorted((p for (of, _), p in self._by_code.items() if of == level), key=lambda p: p.code)

    def find(self, text: str) -> Place:
        """The one place that the text means.

        Raises PopflowError with the nearest names where there is none, and with all codes where there are several.
        """
        wanted = str(text).strip()
        if is_code(wanted):
            return self._of_code(wanted)
        key = plain(wanted)
        names = self._names
        for index in (names.whole, names.short, names.folded, names.begins):
            if found := index.get(key) or index.get(key.replace(" ", "")) or index.get(shortened(key)):
                return _only(wanted, [p for p in found if p.level == found[0].level])
        raise PopflowError(f"no province, prefecture or county is called '{wanted}'{self._did_you_mean(key)}")

    def _of_code(self, code: str) -> Place:
        for level in LEVELS:
            if place := self.get(level, code):
                return place
        above = [place for level in ("prefecture", "province") if (place := self.get(level, at_level(code, level)))]
        hint = f"; did you mean {above[0].code}, {above[0].name_en}?" if above else ""
        raise PopflowError(f"no province, prefecture or county has the code {code}{hint}")

    def _did_you_mean(self, key: str) -> str:
        return did_you_mean(key, [name for name, places in self._names.short.items() if places[0].level != "county"])


def did_you_mean(text: str, valid: Iterable[str]) -> str:
    """'; did you mean wuhan?', or nothing where no valid text is near."""
    near = difflib.get_close_matches(plain(text), list(valid), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def find_area(text: str, areas: Mapping[str, Area], places: Places) -> AskedArea:
    """The area that the text means: one of areas.yaml by name or code, or a prefecture of a province that is one.

    Raises PopflowError with the nearest valid name.
    """
    key = plain(text)
    for name, area in areas.items():
        if key in {name, area.code, plain(area.name_zh), plain(area.name_en)}:
            return AskedArea(name, area.level, area.code, area.name_zh, area.name_en, *_chain(area, areas))
    try:
        place = places.find(text)
    except PopflowError:
        near = did_you_mean(key, areas) or f"; the areas are {_listed(areas)}"
        raise PopflowError(f"no area is called '{text}'{near}") from None
    return _as_area(place, areas)


def shortened(name: str) -> str:
    """A plain name without the word for its kind: 长沙市 -> 长沙, changsha shi -> changsha."""
    kinds = KINDS_ZH if CHINESE.search(name) else KINDS_LATIN
    short = kinds.sub("", name)
    return short if len(short) > 1 else name


def _as_area(place: Place, areas: Mapping[str, Area]) -> AskedArea:
    for name, area in areas.items():
        if area.code == place.code and area.level == place.level:
            return AskedArea(name, area.level, area.code, area.name_zh, area.name_en, *_chain(area, areas))
        if area.level == "province" and place.level == "prefecture" and place.code[:2] == area.code[:2]:
            return AskedArea(place.code, "prefecture", place.code, place.name_zh, place.name_en, name, area.code)
    provinces = [name for name, area in areas.items() if area.level == "province"]
    if place.level == "county" and any(areas[name].code[:2] == place.code[:2] for name in provinces):
        above = prefecture_of(place.code)
        raise PopflowError(f"{place} is not an area of which flows are published; ask for its prefecture, {above}")
    beside = f" and the prefectures of {_listed(provinces)}" if provinces else ""
    raise PopflowError(f"{place} is not an area of which flows are published; the areas are {_listed(areas)}{beside}")


def _listed(names: Collection[str]) -> str:
    """Some names, all where they are few."""
    few = list(names)[:LISTED]
    return ", ".join(few) + (f" and {len(names) - LISTED} more of areas.yaml" if len(names) > LISTED else "")


def _chain(area: Area, areas: Mapping[str, Area]) -> tuple[str, str]:
    own = next(name for name, other in areas.items() if other is area)
    province = [n for n, a in areas.items() if a.level == "province" and a.code == area.province_code]
    return (province or [own])[0], area.province_code


def _places(counties: pd.DataFrame, level: str) -> list[Place]:
    columns = [f"{level}_code", f"{level}_name", f"{level}_pinyin"]
    rows = counties[columns].drop_duplicates(columns[0]).itertuples(index=False, name=None)
    return [Place(level, code, zh, _latin(en) or zh) for code, zh, en in rows]


def _latin(pinyin: object) -> str:
    """A name in Latin letters as it is printed: without tones and remarks in brackets; ü is a letter and stays."""
    if not isinstance(pinyin, str):
        return ""
    letters = unicodedata.normalize("NFKD", re.sub(r"\s*\[.*?\]", "", pinyin))
    kept = "".join(c for c in letters if c == DIAERESIS or not unicodedata.combining(c))
    return unicodedata.normalize("NFC", kept).strip()


def _beginnings(name: str) -> set[str]:
    if CHINESE.search(name):
        return {name[:end] for end in range(2, len(name))}
    words = name.split()
    return {joint.join(words[:end]) for end in range(1, len(words)) for joint in ("", " ")}


def _only(wanted: str, found: list[Place]) -> Place:
    different = list({place.code: place for place in found}.values())
    if len(different) == 1:
        return different[0]
    listed = ", ".join(f"{p.code} {p.name_zh} in {prefecture_of(p.code)}" for p in different[:6])
    more = f" and {len(different) - 6} more" if len(different) > 6 else ""
    raise PopflowError(f"'{wanted}' is the name of {len(different)} places; give the code of one: {listed}{more}")
