"""The report in a browser: nothing fetched, nothing cut, readable and reachable by keyboard."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import crmcore
from crmcore.report import write_report
from crmcore.testing import FrozenClock
from tests.report.club import AT as IN_NOVEMBER
from tests.report.club import MODEL, fill_club
from tests.report.shop import AT, empty, fill, fill_hostile, fill_scores

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PAPER = {"width": 703, "height": 1032}  # A4 at 96 pixels an inch, 12 mm of margin


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports that are looked at."""
    folder = tmp_path_factory.mktemp("reports")
    shop = empty()
    fill_scores(shop, fill(shop))
    hostile = empty()
    fill(hostile)
    fill_hostile(hostile)
    club = crmcore.connect("memory://", model=MODEL, clock=FrozenClock())
    club.migrate()
    fill_club(club)
    return {
        "club": write_report(club, folder / "club.html", at=IN_NOVEMBER),
        "shop": write_report(shop, folder / "shop.html", at=AT),
        "hostile": write_report(hostile, folder / "hostile.html", at=AT, title="<b>" * 60),
        "nobody": write_report(empty(), folder / "nobody.html", at=AT),
    }


@pytest.fixture(params=["shop", "hostile", "nobody", "club"])
def file(request: pytest.FixtureRequest, files: dict[str, Path]) -> Path:
    return files[request.param]


def shown(browser: Any, file: Path, size: dict[str, int] = DESK, **more: Any) -> Any:
    page = browser.new_page(viewport=size, **more)
    page.goto(file.as_uri())
    return page


def test_nothing_is_fetched_and_nothing_complains(browser, file):
    page = browser.new_page()
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_load_state("networkidle")
    page.close()

    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert told == []


def test_its_policy_holds_against_what_gets_in(browser, files, tmp_path):
    """The control: were something not escaped, it still could not run or fetch."""
    planted = tmp_path / "planted.html"
    harm = (
        '<script>document.title = "run"</script><img src="http://127.0.0.1:9/x.png">'
        '<p id="styled" style="color: rgb(1, 2, 3)">x</p>'
    )
    planted.write_text(
        files["shop"].read_text("utf-8").replace("</main>", harm + "</main>"), "utf-8"
    )
    page = browser.new_page()
    failed: list[str] = []
    page.on("console", lambda message: failed.append(message.text))
    page.goto(planted.as_uri())

    assert page.title() == "Customer report"
    assert page.evaluate("getComputedStyle(styled).color") != "rgb(1, 2, 3)"
    assert len([text for text in failed if "Content Security Policy" in text]) == 3
    page.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_sideways(browser, file, width):
    page = shown(browser, file, {"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


CLIPPED = """() => [...document.querySelectorAll('svg')].flatMap(s => {
  if (!s.checkVisibility()) return [];
  const frame = s.getBoundingClientRect();
  return [...s.querySelectorAll('text, rect, circle')].filter(mark => {
    const box = mark.getBoundingClientRect();
    return box.width && (box.left < frame.left - 2 || box.right > frame.right + 2
      || box.top < frame.top - 2 || box.bottom > frame.bottom + 2);
  }).map(mark => s.getAttribute('aria-labelledby') + ': ' + mark.textContent);
})"""

TOUCHING = """() => [...document.querySelectorAll('svg')].flatMap(s => {
  if (!s.checkVisibility()) return [];
  const boxes = [...s.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
  return boxes.flatMap(([a, one], n) => boxes.slice(n + 1).filter(([b, two]) =>
    one.left < two.right - 1 && two.left < one.right - 1
      && one.top < two.bottom - 4 && two.top < one.bottom - 4
  ).map(([b]) => a.textContent + ' | ' + b.textContent));
})"""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_no_mark_leaves_its_chart_and_no_label_touches_another(browser, file, size):
    page = shown(browser, file, size)

    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(TOUCHING) == []
    page.close()


def test_one_of_both_drawings_is_shown(browser, files):
    for size, kept in ((PHONE, "narrow"), (DESK, "wide")):
        page = shown(browser, files["shop"], size)
        seen = page.evaluate(
            "[...document.querySelectorAll('svg')].filter(s => s.checkVisibility())"
            ".map(s => s.getAttribute('class'))"
        )
        assert set(seen) == {kept}
        assert len(seen) == page.locator("figure").count()
        page.close()


def test_every_chart_has_a_name_and_a_description(browser, files):
    """As a screen reader gets them from the browser."""
    page = shown(browser, files["shop"])
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    charts = [n for n in nodes if n.get("role", {}).get("value") in ("image", "img")]

    assert len(charts) == page.locator("figure").count() >= 11
    assert all(n["name"]["value"] and n["description"]["value"] for n in charts)
    assert len({n["name"]["value"] for n in charts}) == len(charts)
    page.close()


def test_headings_go_down_one_step_at_a_time(browser, files):
    page = shown(browser, files["shop"])
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])"
    )

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("main, nav, header, footer").count() == 4
    page.close()


def test_the_keyboard_reaches_the_theme_the_sections_and_the_figures(browser, files):
    page = shown(browser, files["shop"], color_scheme="light")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    links, summaries = page.locator("nav a").count(), page.locator("summary").count()

    assert reached[1] == "theme-auto"
    assert reached.count("SUMMARY") >= summaries
    assert reached.count("A") >= links
    page.close()

    page = shown(browser, files["shop"], color_scheme="light")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.focus("#theme-auto")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "theme-dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before
    page.focus("summary >> nth=0")
    page.keyboard.press("Enter")
    assert page.locator("details[open] table").first.is_visible()
    page.close()


def test_the_theme_follows_the_system_until_it_is_chosen(browser, files):
    colour = "getComputedStyle(document.body).backgroundColor"
    found = {}
    for scheme in ("light", "dark"):
        page = shown(browser, files["shop"], color_scheme=scheme)
        found[scheme] = [page.evaluate(colour)]
        for name in ("light", "dark"):
            page.click(f"label[for=theme-{name}]")
            found[scheme].append(page.evaluate(colour))
        page.close()
    light, dark = found["light"][0], found["dark"][0]

    assert light != dark
    assert found == {"light": [light, light, dark], "dark": [dark, light, dark]}


CONTRAST = """() => {
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parts(c).slice(0, 3).map(v => {
    v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = parts(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return getComputedStyle(e).backgroundColor; } };
  const found = [];
  document.querySelectorAll('details').forEach(d => d.open = true);
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest('title, desc, .hidden, .skip')) continue;
    const drawn = e.closest('svg');
    let over = ground(e), ink = getComputedStyle(e)[drawn ? 'fill' : 'color'];
    if (e.classList.contains('cell')) {
      const box = e.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + 4;
      const below = [...drawn.querySelectorAll('rect')].find(r => {
        const b = r.getBoundingClientRect();
        return b.left <= x && x <= b.right && b.top <= y && y <= b.bottom; });
      over = getComputedStyle(below).fill;
    }
    const [one, two] = [light(ink), light(over)].sort((a, b) => b - a);
    const ratio = (one + .05) / (two + .05);
    found.push([ratio, e.textContent.slice(0, 40), ink, over]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(browser, files, scheme):
    page = shown(browser, files["shop"], color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    page.close()

    assert len(found) > 200
    assert [entry for entry in found if entry[0] < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out_and_every_shade_carries_readable_figures(browser, files, scheme):
    """All shades of the heat maps, whether this shop's figures reach them or not."""
    page = shown(browser, files["shop"], color_scheme=scheme)
    colours = page.evaluate(
        """() => { const style = getComputedStyle(document.documentElement);
        const names = ['card', 'on-pale', 'on-deep', 'none'];
        for (let n = 0; n < 7; n++) names.push('h' + n);
        for (let n = 1; n < 7; n++) names.push('s' + n);
        const told = names.map(n => [n, style.getPropertyValue('--' + n).trim()]);
        return Object.fromEntries(told); }"""
    )
    page.close()

    for shade in ("none", *(f"h{n}" for n in range(7))):
        ink = colours["on-deep" if shade in ("h5", "h6") else "on-pale"]
        assert contrast(ink, colours[shade]) >= 4.5, shade
    for series in range(1, 7):
        assert contrast(colours[f"s{series}"], colours["card"]) >= 3, series


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    pale, deep = sorted((light(one), light(other)), reverse=True)
    return (pale + 0.05) / (deep + 0.05)


def test_on_paper_it_is_light_whole_and_uncut(browser, files, tmp_path):
    page = shown(browser, files["shop"], PAPER, color_scheme="dark")
    page.click("label[for=theme-dark]")
    page.emulate_media(media="print")
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    charts = page.evaluate(
        """() => [...document.querySelectorAll('.chart')].map(c => ({
          height: c.getBoundingClientRect().height, inside: getComputedStyle(c).breakInside,
          right: Math.max(
            ...[...c.querySelectorAll('svg')].map(s => s.getBoundingClientRect().right)),
          drawn: [...c.querySelectorAll('svg')].filter(s => s.checkVisibility()).length }))"""
    )

    assert body == "rgb(255, 255, 255)"
    assert len(charts) >= 11
    for chart in charts:
        assert chart["inside"] == "avoid"
        assert chart["height"] < PAPER["height"]
        assert chart["right"] <= PAPER["width"]
        assert chart["drawn"] == 1
    assert not page.locator("nav").is_visible()
    assert page.pdf(path=str(tmp_path / "report.pdf"), format="A4").startswith(b"%PDF")
    page.close()
