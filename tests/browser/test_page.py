"""The page of runs in a real browser: its slider, its silence, a phone, paper."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from ganatomy.report.page import page
from tests.browser.chromium import PROGRAM, Tab, chromium
from tests.report.made import made_run

pytestmark = [pytest.mark.browser, pytest.mark.skipif(PROGRAM is None, reason="Chromium is not here")]

SHOWN = "document.querySelector('.film figure:not([hidden]) img').src"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    runs = [made_run(folder / "a-run-whose-name-is-as-long-as-names-of-runs-may-well-be-0"), made_run(folder / "<b>2")]
    file = folder / "report.html"
    file.write_text(page(runs), encoding="utf-8")
    return file


@pytest.fixture
def opened(tab: Tab, written: Path) -> Tab:
    tab.resize(1280, 900)
    tab.requests.clear()
    tab.open(written)
    return tab


def pixels(tab: Tab, selector: str) -> Image.Image:
    place = tab.place(selector)
    left, top = place["x"], place["y"]
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    return picture.crop((round(left), round(top), round(left + place["width"]), round(top + place["height"])))


def test_dragging_the_slider_changes_the_picture(opened: Tab) -> None:
    before, source = pixels(opened, ".film figure:not([hidden]) img"), opened.ask(SHOWN)
    place = opened.place(".film input")
    opened.click(place["x"] + place["width"] - 8, place["y"] + place["height"] / 2)
    assert opened.ask(SHOWN) != source
    after = pixels(opened, ".film figure:not([hidden]) img")
    assert before.size == after.size and ImageChops.difference(before, after).getbbox() is not None
    assert opened.ask("document.querySelector('.film figure:not([hidden])').textContent.trim()") == "4,000 images shown"
    assert opened.ask("document.querySelectorAll('.film figure:not([hidden])').length") == 2, "one in each run"


def test_the_slider_follows_the_keys(opened: Tab) -> None:
    opened.ask("document.querySelector('.film input').focus()")
    seen = []
    for key in ("Home", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
        opened.press(key)
        seen.append(
            opened.ask("[...document.querySelector('.film').querySelectorAll('figure')].findIndex(f => !f.hidden)")
        )
    assert seen == [0, 1, 2, 4, 3]


def test_no_request_leaves_the_page(opened: Tab, written: Path) -> None:
    opened.press("End")
    opened.ask("new Promise(done => setTimeout(done, 200))")
    assert [address for address in opened.requests if not address.startswith("data:")] == [written.as_uri()]
    broken = "[...document.images].filter(image => !image.complete || image.naturalWidth == 0).length"
    assert opened.ask("document.images.length") == 12 and opened.ask(broken) == 0


def test_the_console_has_nothing_to_say(opened: Tab, tmp_path: Path) -> None:
    opened.ask("document.querySelector('.film input').focus()")
    opened.press("End")
    assert opened.complaints == []
    file = tmp_path / "wrong.html"
    file.write_text("<script>nowhere.at = 1</script>")
    opened.open(file)
    assert len(opened.complaints) == 1, "a page with a mistake would be noticed"


def test_a_page_that_does_ask_would_be_noticed(tab: Tab, tmp_path: Path) -> None:
    file = tmp_path / "asks.html"
    file.write_text("<img src='http://127.0.0.1:9/x.png'>")
    tab.requests.clear()
    tab.open(file)
    assert "http://127.0.0.1:9/x.png" in tab.requests


def test_the_page_may_not_ask_even_if_it_wanted_to(opened: Tab) -> None:
    refused = "fetch('http://127.0.0.1:9/').then(() => 'answered', error => error.name)"
    blocked = (
        "new Promise(done => document.addEventListener('securitypolicyviolation', e => done(e.effectiveDirective)))"
    )
    assert opened.ask(f"Promise.all([{blocked}, {refused}]).then(said => said[0])") == "connect-src"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(opened: Tab, width: int) -> None:
    opened.resize(width, 800)
    assert opened.ask("document.documentElement.scrollWidth") <= width
    letters = "Math.min(...[...document.querySelectorAll('.chart')].map(c => c.querySelector('svg').clientWidth / 360))"
    assert opened.ask(letters) * 11 > 8, "the numbers of a chart are readable"


def test_a_dark_page_has_light_letters(opened: Tab) -> None:
    opened.resize(1280, 900, dark=True)
    shade = "getComputedStyle(document.body).{}.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3"
    assert opened.ask(shade.format("color")) > 200 and opened.ask(shade.format("backgroundColor")) < 50


def test_on_paper_some_pictures_stand_in_for_the_slider(opened: Tab) -> None:
    opened.call("Emulation.setEmulatedMedia", media="print")
    count = "film => [...film.querySelectorAll('figure')].filter(figure => figure.offsetParent).length"
    seen = f"[...document.querySelectorAll('.film')].map({count})"
    assert opened.ask(seen) == [4, 4]
    assert opened.ask("document.querySelector('.film input').offsetParent") is None
    letters = "Math.min(...[...document.querySelectorAll('.chart')].map(c => c.querySelector('svg').clientWidth / 360))"
    opened.resize(680, 900)  # what A4 leaves between its margins
    opened.call("Emulation.setEmulatedMedia", media="print")
    assert opened.ask(letters) * 11 > 9, "the numbers of a chart are readable"
    assert opened.printed().startswith(b"%PDF")
    opened.call("Emulation.setEmulatedMedia", media="")
