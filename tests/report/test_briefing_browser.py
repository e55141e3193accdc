"""The briefing in a real Chromium: opened from a file, it asks nothing of the network and does what it should."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from popflow.errors import PopflowError
from popflow.report import briefing
from popflow.report.chromium import chromium, pdf, pictures

pytestmark = pytest.mark.browser
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def program() -> str:
    """Chromium; where there is none the tests are skipped with a warning, and fail under `make browser`."""
    try:
        return chromium()
    except PopflowError as error:
        if os.environ.get("POPFLOW_BROWSER") == "required":
            pytest.fail(str(error))
        warnings.warn(f"the browser tests did not run: {error}", stacklevel=1)
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser(program: str) -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


def opened(browser: Browser, page: Path, width: int = 1440) -> tuple[Page, list[str]]:
    """The page at a width, and what it asked of the network or complained of."""
    tab = browser.new_page(viewport={"width": width, "height": 900})
    heard: list[str] = []
    tab.on("request", lambda request: heard.append(request.url) if not request.url.startswith("file:") else None)
    tab.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.goto(page.as_uri())
    tab.wait_for_selector("html[data-ready='1']")
    return tab, heard


@pytest.mark.parametrize("width", [360, 1440])
def test_it_opens_from_a_file_without_request_or_error_and_fits_its_width(browser: Browser, page: Path, width: int):
    tab, heard = opened(browser, page, width)
    assert heard == []
    assert tab.locator("#headline").inner_text().startswith("2020 年 1 月 20 日")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()


def test_hover_shows_the_figure_and_what_is_not_shown(browser: Browser, page: Path):
    tab, heard = opened(browser, page)
    shown, hidden = tab.evaluate(
        "[2, 0].map((n) => Object.entries(F.series[0].map).find(([, bounds]) => Boolean(bounds[2]) === Boolean(n))[0])"
    )
    tab.hover(f"[data-code='{shown}']")
    figure = tab.evaluate(f"F.series[0].map['{shown}'][0].toLocaleString('en-US')")
    assert figure in tab.locator("#hover").inner_text()
    assert "未公布（不是零）" in tab.evaluate(f"describe('{hidden}')")
    assert heard == []
    tab.close()


def test_the_table_sorts_and_filters(browser: Browser, page: Path):
    tab, _ = opened(browser, page)
    column = tab.locator("#body tr td:nth-child(5)")
    figures = [int(text.replace(",", "")) for text in column.all_inner_texts()]
    assert figures == sorted(figures, reverse=True)
    tab.click("#head [data-key=low]")
    assert tab.locator("#head th[aria-sort=ascending]").count() == 1
    again = [int(text.replace(",", "")) for text in column.all_inner_texts()]
    assert again == sorted(figures)
    tab.fill("#filter", "长沙")
    assert 0 < tab.locator("#body tr").count() < len(figures)
    tab.close()


def test_the_language_switches_for_everything_that_is_seen(browser: Browser, page: Path):
    tab, _ = opened(browser, page)
    tab.click("#en")
    assert "person-trips left Wuhan" in tab.locator("#headline").inner_text()
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert "At least" in tab.locator("#head").inner_text()
    tab.fill("#filter", "no such place")
    seen = tab.locator("main").inner_text()
    assert not re.search(r"[㐀-鿿]", seen)
    tab.close()


def test_the_map_and_the_curve_are_read_by_keyboard(browser: Browser, page: Path):
    tab, _ = opened(browser, page)
    tab.focus("#main")
    tab.keyboard.press("ArrowRight")
    first = tab.locator("#hover").inner_text()
    assert tab.evaluate("F.places[F.series[0].rows[0][1]][0]") in first
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#hover").inner_text() != first
    tab.locator("#curve circle").first.focus()
    assert "2020-01-20" in tab.locator("#curve-hover").inner_text()
    tab.close()


def test_zoom_goes_to_hubei_and_back(browser: Browser, page: Path):
    tab, _ = opened(browser, page)

    def width() -> float:
        return tab.evaluate("state.box[2]")

    china = width()
    assert tab.locator("#frames [data-key=province]").inner_text() == "湖北省"
    tab.click("#frames [data-key=province]")
    assert width() < china / 4
    tab.click("[data-key=china]")
    assert width() == china
    tab.close()


@pytest.fixture(scope="module")
def arrivals(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The briefing on who came to Changsha, of some origins of which the most is unknown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        out = tmp_path_factory.mktemp("page") / "changsha.html"
        return briefing(published, None, "2020-01-23", 3, "changsha", out)


@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_of_who_came_speaks_of_origins(browser: Browser, arrivals: Path, width: int):
    tab, heard = opened(browser, arrivals, width)
    assert heard == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert "出发地" in tab.locator("#head").inner_text()
    assert tab.evaluate("describe('110100')").endswith("上限未知：部分日期未公布该地的任何数字")
    tab.click("#en")
    assert tab.locator("#map-title").inner_text() == "Prefectures of origin"
    assert "the most is unknown" in tab.evaluate("describe('110100')")
    assert "person-trips" in tab.evaluate("describe('420100')")
    tab.fill("#filter", "no such place")
    assert not re.search(r"[㐀-鿿]", tab.locator("main").inner_text())
    assert heard == []
    tab.close()


def test_pictures_of_each_chart_and_one_page_pdf(program: str, page: Path, tmp_path: Path):
    made = pictures(page, tmp_path / "pictures")
    assert [path.name for path in made] == ["wuhan-map.png", "wuhan-ranking.png", "wuhan-daily.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5_000 for path in made)
    content = pdf(page, tmp_path / "wuhan.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
