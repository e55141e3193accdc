"""Places as people write them, and what is said when nobody is called so."""

from __future__ import annotations

import pandas as pd
import pytest

from popflow import contracts
from popflow.errors import PopflowError
from popflow.reading.names import Places, find_area

ROWS = """
420102 江岸区 Jiāng'àn_Qū 420100 武汉市 Wuhan 420000 湖北省 Hubei
422801 恩施市 Ēnshī_Shì 422800 恩施土家族苗族自治州 Enshi 420000 湖北省 Hubei
430102 芙蓉区 Fúróng_Qū 430100 长沙市 Changsha 430000 湖南省 Hunan
430121 长沙县 Chángshā_Xiàn 430100 长沙市 Changsha 430000 湖南省 Hunan
441900 东莞市 Dōngguǎn_Shì 441900 东莞市 Dongguan 440000 广东省 Guangdong
150102 新城区 Xīnchéng_Qū 150100 呼和浩特市 Hohhot 150000 内蒙古自治区 Inner_Mongolia
610102 新城区 Xīnchéng_Qū 610100 西安市 Xi'an 610000 陕西省 Shaanxi
320505 虎丘区 Hǔqiū_Qū 320500 苏州市 Suzhou 320000 江苏省 Jiangsu
341302 埇桥区 Yǒngqiáo_Qū 341300 宿州市 Suzhou 340000 安徽省 Anhui
"""
WITH_UMLAUT = """
141102 离石区 Líshí_Qū 141100 吕梁市 Lvliang 140000 山西省 Shanxi
210212 旅顺口区 Lǚshùnkŏu_Qū 210200 大连市 Dalian 210000 辽宁省 Liaoning
530322 陆良县 Lùliáng_Xiàn 530300 曲靖市 Qujing 530000 云南省 Yunnan
360502 渝水区 Yúshuĭ_Qū 360500 新余市 Xinyu 360000 江西省 Jiangxi
"""
COLUMNS = (
    "county_code county_name county_pinyin prefecture_code prefecture_name prefecture_pinyin province_code "
    "province_name province_pinyin"
)


def places_of(table: str) -> Places:
    rows = [[word.replace("_", " ") for word in line.split()] for line in table.strip().splitlines()]
    return Places(pd.DataFrame(rows, columns=COLUMNS.split()))


@pytest.fixture(scope="module")
def places() -> Places:
    return places_of(ROWS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("湖南省", ("province", "430000")),
        ("湖南", ("province", "430000")),
        ("HUNAN", ("province", "430000")),
        ("Hunan Province", ("province", "430000")),
        ("430000", ("province", "430000")),
        ("长沙", ("prefecture", "430100")),
        ("changsha", ("prefecture", "430100")),
        ("长沙县", ("county", "430121")),
        ("Chángshā Xiàn", ("county", "430121")),
        ("changsha xian", ("county", "430121")),
        ("恩施", ("prefecture", "422800")),
        ("恩施市", ("county", "422801")),
        ("内蒙古", ("province", "150000")),
        ("inner mongolia", ("province", "150000")),
        ("InnerMongolia", ("province", "150000")),
        ("xian", ("prefecture", "610100")),
        ("Xi'an", ("prefecture", "610100")),
        ("jiangan", ("county", "420102")),
        ("呼和浩特", ("prefecture", "150100")),
        ("呼和", ("prefecture", "150100")),
        ("441900", ("prefecture", "441900")),
    ],
)
def test_a_place_is_found_by_code_chinese_pinyin_or_english(places: Places, text: str, found: tuple[str, str]):
    place = places.find(text)
    assert (place.level, place.code) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunna", r"did you mean hunan\?"),
        ("chngsha", r"did you mean changsha\?"),
        ("湖南行", r"did you mean .*湖南"),
        ("430001", r"did you mean 430000, Hunan\?"),
        ("suzhou", "2 places; give the code of one: 320500 苏州市 in 320500, 341300 宿州市"),
        ("新城区", "150102 .*610102"),
        ("Atlantis", "is called 'Atlantis'$"),
    ],
)
def test_what_is_not_found_or_not_one_place_is_refused_with_what_there_is(places: Places, text: str, words: str):
    with pytest.raises(PopflowError, match=words):
        places.find(text)


@pytest.mark.parametrize("text", ["wuhan", "Wuhan", "武汉", "武汉市", "420100", "WUHAN"])
def test_an_area_is_found_by_every_name(places: Places, text: str):
    area = find_area(text, contracts.load().areas, places)
    assert (area.name, area.level, area.code, area.chain) == ("wuhan", "prefecture", "420100", "hubei")


def test_a_prefecture_of_a_chain_is_an_area_too(places: Places):
    area = find_area("enshi", contracts.load().areas, places)
    assert (area.name, area.code, area.chain, area.province_code) == ("422800", "422800", "hubei", "420000")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wuhna", "did you mean wuhan"),
        ("jiangan", "ask for its prefecture, 420100"),
        ("x", "areas are wuhan, hubei, beijing, tianjin, hebei and 27 more of areas.yaml"),
    ],
)
def test_a_wrong_area_names_the_valid_ones(places: Places, text: str, words: str):
    with pytest.raises(PopflowError, match=words):
        find_area(text, contracts.load().areas, places)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lüliang", ("prefecture", "141100")),
        ("lvliang", ("prefecture", "141100")),
        ("LYULIANG", ("prefecture", "141100")),
        ("lu:liang", ("prefecture", "141100")),
        ("Lǚliáng", ("prefecture", "141100")),
        ("luliang", ("county", "530322")),
        ("lushunkou", ("county", "210212")),
        ("Lvshunkou", ("county", "210212")),
        ("xinyu", ("prefecture", "360500")),
    ],
)
def test_a_name_with_an_umlaut_is_found_as_people_type_it(text: str, found: tuple[str, str]):
    """吕梁 is Lüliang, Lvliang on a keyboard and Lyuliang in a passport; 陆良 is Luliang and another place."""
    place = places_of(WITH_UMLAUT).find(text)
    assert (place.level, place.code) == found


def test_an_umlaut_stays_in_the_name_that_is_printed():
    assert places_of(WITH_UMLAUT).get("county", "210212").name_en == "Lüshunkou Qu"
