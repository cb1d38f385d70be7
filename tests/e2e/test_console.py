"""The console in a real browser, before a real stack: what a person sees, presses and hears."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import Deployment, Stacks, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

playwright_api = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright: make browser, or pip install -r infra/requirements-browser.txt"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]

OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
# Set it to have the pictures of README.md made anew; a plain test run leaves them as they are.
PICTURES = Path(__file__).parents[2] / "docs" / "images" if os.environ.get("CONSOLE_SCREENSHOTS") else None
LARGEST_PICTURE = 200_000
WAIT = 30_000  # milliseconds
PHONE = {"width": 375, "height": 812}
DESK = {"width": 1280, "height": 1090}
# What every system has some font for; hardly any text font is as wide as the last one's.
FAMILIES = ("serif", "sans-serif", "monospace")
ROUTES = """
[[routes]]
name = "Kitchens"
location = "ve9EPM428h8vShlRW1KT"
stage = "lead"
tags = ["{source}", "kitchen"]
tasks = [{ title = "Call {first_name}", due_in = "2h" }]
"""
# Of every text that can be seen: its contrast with what is behind it, where that is less than it must be.
# https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("noscript")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [parse(node.closest("svg") ? style.fill : style.color), behind(node)].map(luminance);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${walker.currentNode.textContent.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return faint;
}"""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def kitchens(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack with retries within seconds, whose leads get tags and a task."""
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(ROUTES)
    with stacks(parameters={"RetryWaits": "2,2,3,3,4"}, routes=routes) as stack:
        yield Deployment(stack)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(kitchens: Deployment, browser: Browser) -> Iterator[Open]:
    """Opens the console; in the end nothing may have gone wrong in it, and nobody else have been asked."""
    contexts: list[Any] = []
    troubles: list[str] = []
    asked: list[str] = []

    def open_page(**settings: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: troubles.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(kitchens.stack.front_url + "/")
        page.wait_for_selector("html[data-ready]")
        return page

    kitchens.crm.mend()
    yield open_page
    for context in contexts:
        context.close()
    kitchens.crm.mend()
    assert troubles == []
    assert {url for url in asked if not url.startswith((kitchens.stack.front_url, "data:"))} == set()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def press(page: Page, name: str, says: str = "") -> None:
    """Press a button, and wait for the outcome that is told."""
    page.evaluate("document.getElementById('outcome').textContent = ''")
    button(page, name).click()
    playwright_api.expect(page.locator("#outcome")).to_contain_text(says or re.compile("."))


def count(page: Page, name: str) -> int:
    return int(page.locator(f"[data-count={name}]").inner_text())


def newest(page: Page) -> Locator:
    """The row of the lead that came last."""
    return page.locator("#lead-table tr.lead").first


def expect_status(row: Locator, status: str) -> None:
    playwright_api.expect(row.locator(".status")).to_have_text(status, timeout=WAIT)


def send(page: Page, name: str) -> Locator:
    """Press the button of a source: the row of the lead that comes of it, whatever else comes."""
    known = listed(page)
    press(page, name, "lead sent: answered 20")
    [fresh] = until(lambda: listed(page) - known, 30)
    return page.locator(f"tr.lead[data-lead='{fresh}']")


def listed(page: Page) -> set[str]:
    """The ids of the leads in the table."""
    return set(page.locator("#lead-table tr.lead").evaluate_all("rows => rows.map((row) => row.dataset.lead)"))


def contact_of(page: Page, row: Locator) -> Locator:
    """The contact that a lead's details lead to."""
    row.get_by_role("button").click()
    link = row.locator("xpath=following-sibling::tr[1]").get_by_role("link")
    address = link.get_attribute("href")
    link.click()
    return page.locator(f"li{address}")


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        ("Send a lead of Pinterest", {"pinterest", "kitchen", "stage: lead"}),
        ("Send a lead of Facebook", {"facebook", "kitchen", "stage: lead"}),
        ("Send a lead of LeadConnector", {"leadconnector", "kitchen", "stage: lead"}),
        ("Test lead of Pinterest", {"pinterest", "kitchen", "stage: lead", "test lead"}),
    ],
)
def test_a_lead_that_is_sent_is_seen_as_a_contact(open_page: Open, source: str, tags: set[str]) -> None:
    """Counted at every station, listed with its steps, and shown with tags, note and task."""
    page = open_page()
    received, delivered = count(page, "received"), count(page, "delivered")
    row = send(page, source)
    expect_status(row, "delivered")
    assert (count(page, "received"), count(page, "delivered")) == (received + 1, delivered + 1)
    assert re.search(r"contact, tags, note, 1\stask\b", row.inner_text())
    assert re.search(r"\d+\sm?s\b", row.inner_text())
    contact = contact_of(page, row)
    assert tags <= set(contact.locator(".tag").all_inner_texts())
    assert "lead ref: " in contact.locator(".note").inner_text()
    assert re.search(r"Task: Call \w+", contact.locator(".task").inner_text())


@pytest.mark.parametrize(
    ("fault", "told", "reason"),
    [
        ("429 throttled", "Answers 429", "rate_ limited"),
        ("500 error", "Answers 500", "contacts_ api_ 5xx"),
        ("Slow 20 s", "Takes 20 seconds", "contacts_ api_ timeout"),
    ],
)
def test_a_lead_is_parked_while_the_crm_is_broken_and_delivered_once_it_is_mended(
    open_page: Open, fault: str, told: str, reason: str
) -> None:
    """The page says which fault is on, and the button stays pressed for as long."""
    page = open_page()
    press(page, fault, "The CRM now")
    playwright_api.expect(button(page, fault)).to_have_attribute("aria-pressed", "true")
    playwright_api.expect(page.locator("#health")).to_contain_text(told)
    row = send(page, "Send a lead of Pinterest")
    expect_status(row, "parked")
    playwright_api.expect(row).to_contain_text(reason.replace(" ", "\u200b"))
    page.wait_for_function("() => Number(document.querySelector('[data-count=parked]').textContent) > 0")
    press(page, "Mend it", "answers again")
    playwright_api.expect(button(page, fault)).to_have_attribute("aria-pressed", "false")
    playwright_api.expect(page.locator("#health")).to_have_text("Answers normally.")
    expect_status(row, "delivered")
    page.wait_for_function("() => Number(document.querySelector('[data-count=parked]').textContent) === 0")


def test_a_refused_lead_becomes_a_dead_letter_and_is_delivered_once_it_is_redriven(open_page: Open) -> None:
    """The details say what the reason means, and what to do."""
    page = open_page()
    press(page, "422 refused", "The CRM now refuses")
    row = send(page, "Send a lead of Pinterest")
    expect_status(row, "undeliverable")
    page.wait_for_function("() => document.querySelector('[data-count=dead]').textContent === '1'")
    row.click()
    assert "the CRM refuses the data" in row.locator("xpath=following-sibling::tr[1]").inner_text()
    # Pressed once more, the button takes its own fault back.
    press(page, "422 refused", "answers again")
    press(page, "Redrive all dead letters", "1 dead letter brought back")
    expect_status(row, "delivered")
    playwright_api.expect(page.locator("[data-count=dead]")).to_have_text("0")


def test_the_keyboard_is_enough(open_page: Open) -> None:
    """Tab to a button, Enter; Tab to the lead, Enter; the outcome is told where a screen reader listens."""
    page = open_page()
    known = page.locator("#lead-table tr.lead").count()
    tab_to(page, "Send a lead of Facebook")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    outcome = page.get_by_role("status").filter(has_text="Facebook lead sent")
    outcome.wait_for()
    page.wait_for_function(f"() => document.querySelectorAll('#lead-table tr.lead').length > {min(known, 29)}")
    expect_status(newest(page), "delivered")
    # What is listed anew takes the focus from nobody.
    assert page.evaluate("document.activeElement.ariaLabel") == "Send a lead of Facebook"
    playwright_api.expect(page.locator("#news")).to_contain_text("Facebook lead delivered.")
    page.keyboard.press("Tab")
    tab_to(page, newest(page).get_by_role("button").inner_text().replace("\n", " "))
    opener = newest(page).get_by_role("button")
    # Nor does marked text, wherever it is, take it from the keyboard.
    for marked in ("road-told", opener.evaluate("node => (node.closest('tr').id = 'newest-row')")):
        page.evaluate("id => getSelection().selectAllChildren(document.getElementById(id))", marked)
        page.keyboard.press("Enter")
        assert opener.get_attribute("aria-expanded") == "true"
        assert page.locator(f"#{opener.get_attribute('aria-controls')}").is_visible()
        page.keyboard.press("Enter")
        assert opener.get_attribute("aria-expanded") == "false"


def test_text_of_a_row_can_be_marked(open_page: Open) -> None:
    """And the details stay as they are; without a mark in the row a click opens them."""
    page = open_page()
    row = send(page, "Send a lead of Facebook")
    expect_status(row, "delivered")
    opener, cell = row.get_by_role("button"), row.locator(".status")
    page.evaluate("cell => getSelection().selectAllChildren(cell)", cell.element_handle())
    cell.dispatch_event("click")
    assert opener.get_attribute("aria-expanded") == "false"
    page.evaluate("getSelection().removeAllRanges()")
    cell.dispatch_event("click")
    assert opener.get_attribute("aria-expanded") == "true"


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = "(document.activeElement.ariaLabel ?? document.activeElement.innerText ?? '').replace('\\n', ' ')"
        if page.evaluate(focused) == name:
            return
    raise AssertionError(f"{name} cannot be reached with Tab")


def test_every_control_has_a_name_and_every_heading_its_place(open_page: Open) -> None:
    """As the browser tells it to a screen reader."""
    page = open_page()
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    controls = [(role, name) for role, name in told if role in ("button", "link", "DisclosureTriangle", "table")]
    assert len(controls) > 12
    assert [role for role, name in controls if not name.strip()] == []
    assert len({name for role, name in controls if role == "button" and not re.search(r"\d{6}", name)}) >= 10
    levels = [int(level) for level in page.locator("h1, h2, h3").evaluate_all("all => all.map((h) => h.tagName[1])")]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert {"columnheader", "rowheader", "main", "banner", "status"} <= {role for role, _ in told}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(open_page: Open, scheme: str) -> None:
    """Contrast of 4.5 to 1, with the faults, marks and details that there are."""
    page = open_page(color_scheme=scheme)
    press(page, "500 error")
    expect_status(send(page, "Send a lead of Pinterest"), "parked")
    newest(page).click()
    page.wait_for_timeout(1500)  # transitions of colour
    assert page.evaluate(CONTRAST) == []


def test_a_phone_shows_all_of_it(open_page: Open) -> None:
    """Nothing sticks out at 375 px, with details open and in any font; targets are large enough for a thumb."""
    page = open_page(viewport=PHONE, has_touch=True)
    row = send(page, "Test lead of Pinterest")
    expect_status(row, "delivered")
    row.click()
    page.locator("#contact-list summary").first.click()
    beyond = (
        "all => all.filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"
    )
    measured = "all => all.map((one) => one.getBoundingClientRect().height)"
    for family in FAMILIES:
        wear(page, family)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert page.locator("main *:not(.unseen)").evaluate_all(beyond) == []
        # https://www.w3.org/TR/WCAG22/#target-size-minimum
        assert min(page.locator(".buttons button").evaluate_all(measured)) >= 24


def wear(page: Page, family: str) -> None:
    """Show all texts in one family of fonts, whatever the system has for those that the page would rather have."""
    for kind in ("text", "title", "code"):
        page.evaluate(
            "([name, value]) => document.documentElement.style.setProperty(name, value)", [f"--{kind}", family]
        )


def test_who_wants_no_motion_gets_none(open_page: Open) -> None:
    """The stations light up one by one, and nothing moves."""
    page = open_page(reduced_motion="reduce")
    page.evaluate("""() => {
      window.seen = { lit: new Set(), dots: 0 };
      new MutationObserver((changes) => changes.forEach((change) => {
        if (change.target.classList?.contains("lit")) window.seen.lit.add(change.target.id);
        window.seen.dots += [...change.addedNodes].filter((node) => node.classList?.contains("dot")).length;
      })).observe(document.body, { subtree: true, childList: true, attributes: true });
    }""")
    expect_status(send(page, "Send a lead of Facebook"), "delivered")
    page.wait_for_function("() => window.seen.lit.has('station-contacts')")
    assert page.evaluate("window.seen.dots") == 0


def test_a_lead_is_seen_to_move(open_page: Open) -> None:
    """A dot goes from station to station, and is gone in the end."""
    page = open_page()
    page.evaluate("""() => {
      window.dots = 0;
      new MutationObserver((changes) => changes.forEach((change) => {
        window.dots += [...change.addedNodes].filter((node) => node.classList?.contains("dot")).length;
      })).observe(document.getElementById("legs"), { childList: true });
    }""")
    expect_status(send(page, "Send a lead of Facebook"), "delivered")
    page.wait_for_function("() => window.dots > 0 && !document.querySelector('.dot')")
    page.wait_for_function("() => !document.querySelector('.lit')")


def test_a_lead_elsewhere_cannot_put_anything_into_the_page(open_page: Open, kitchens: Deployment) -> None:
    """What a person writes is text, whatever it looks like."""
    page = open_page()
    kitchens.crm.make(
        "contacts", location="ve9EPM428h8vShlRW1KT", firstName="<img src=x onerror=alert(1)>", tags=["<b>"]
    )
    # Anywhere in the list: what an earlier test has parked may arrive meanwhile.
    names = page.locator("#contact-list .name").filter(has_text="<img src=x onerror=alert(1)>")
    playwright_api.expect(names).to_be_visible(timeout=20_000)
    assert page.locator("#contact-list img, #contact-list .tag b").count() == 0
    kitchens.crm.reset()


@pytest.mark.skipif(PICTURES is None, reason="makes pictures only when CONSOLE_SCREENSHOTS is set")
def test_pictures_for_the_readme(open_page: Open, kitchens: Deployment) -> None:
    """A stack in use: most is delivered, one is parked, one is dead, and the CRM is broken."""
    kitchens.crm.reset()
    page = open_page(viewport=DESK)
    for source in ("Pinterest", "Facebook", "LeadConnector", "Pinterest", "Facebook"):
        expect_status(send(page, f"Send a lead of {source}"), "delivered")
    press(page, "422 refused")
    expect_status(send(page, "Send a lead of Facebook"), "undeliverable")
    page.wait_for_function("() => document.querySelector('[data-count=dead]').textContent !== '0'")
    press(page, "500 error")
    pages = {
        "console-light": page,
        "console-dark": open_page(viewport=DESK, color_scheme="dark"),
        "console-phone": open_page(viewport=PHONE | {"height": 1250}, device_scale_factor=1.5),
    }
    expect_status(send(page, "Send a lead of Pinterest"), "parked")
    for name, one in pages.items():
        one.wait_for_function("() => document.querySelector('[data-count=parked]').textContent !== '0'")
        shoot(one, name)


def shoot(page: Page, name: str) -> None:
    assert PICTURES is not None
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file, animations="disabled", caret="hide")
    assert file.stat().st_size < LARGEST_PICTURE
