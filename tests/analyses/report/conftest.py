"""One browser for all tests of the page, and pages in which nothing may go wrong."""

import functools
import os
import shutil

import pytest
from analysed_run import write_analysed_run
from filelock import FileLock

from spatialgraph.analyses.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox, since tests may run as root; no services of the browser's own, which would ask for addresses.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
FLAGS += ["--disable-component-update", "--disable-quic"]
# What waits for the next picture was asked for before this, and is done before it.
NEXT = "() => new Promise(done => requestAnimationFrame(() => done()))"

# Whatever is picked becomes again what it was, is drawn, and then what no pick decides does.
RESET = """async () => {
    document.querySelectorAll("dialog[open]").forEach(dialog => dialog.close());
    document.activeElement.blur();
    document.documentElement.removeAttribute("style");
    spatialgraph.change({ ...opened.state });
    document.querySelectorAll("details").forEach((part, place) => { part.open = opened.details[place]; });
    document.getElementById("find").value = "";
    document.getElementById("duration").innerHTML = opened.duration;
    document.querySelectorAll("section[tabindex], details[tabindex]").forEach(part => part.removeAttribute("tabindex"));
    for (const part of ["title", "note", "holder", "query"]) document.getElementById(`rows-${part}`).replaceChildren();
    scrollTo(0, 0);
    for (let picture = 0; picture < 2; picture += 1) await new Promise(requestAnimationFrame);
    document.getElementById("tooltip").replaceChildren();
    document.getElementById("tooltip").hidden = true;
    document.querySelectorAll("#tooltip, canvas[id$=-over]").forEach(part => part.removeAttribute("style"));
    for (const [id, text] of opened.texts) document.getElementById(id).textContent = text;
}"""
KEEP = """() => {
    const duration = document.getElementById("duration").innerHTML;
    const texts = ["spoken", "spoken-picture", "find-note"].map(id => [id, document.getElementById(id).textContent]);
    const details = [...document.querySelectorAll("details")].map(part => part.open);
    window.opened = { state: { ...spatialgraph.state }, duration, texts, details };
}"""
# All that is there but pictures, which are drawn from it; a style that is empty is none.
SEEN = """() => {
    const htmlOf = part => part.outerHTML.replaceAll(' style=""', "");
    const parts = [...document.querySelectorAll("body > :not(script)")].map(htmlOf);
    const values = [...document.querySelectorAll("input, select")].map(part => part.value);
    const { hovered, hoveredIn, ...state } = spatialgraph.state;
    return JSON.stringify([parts, values, state, document.documentElement.style.cssText, Object.keys(window).length]);
}"""

TASKS = ("left", "<i>right</i>")  # a name is text, whatever it looks like


@pytest.fixture(scope="session")
def small_results(tmp_path_factory):
    """Return the results of a small run, which tests only read: made by the first process that asks, for all others."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # the former is of these processes alone
    results = shared / "analysed" / "small" / "results"
    with FileLock(shared / "analysed.lock"):
        if not results.exists():
            made = write_analysed_run(tmp_path_factory.mktemp("analysed"), TASKS)
            write_report(made)
            made.parents[1].rename(shared / "analysed")  # whole, or not there
    return results


@pytest.fixture(scope="session")
def small_report(small_results):
    """Return the file of the page of the small run."""
    return small_results / "report.html"


@pytest.fixture(scope="session")
def small_page(small_report):
    """Return its address."""
    return small_report.resolve().as_uri()


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with pytest.MonkeyPatch.context() as patch, sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for kind, names in _ACTS.items():
            for name in names:
                act = getattr(getattr(sync_api, kind), name)
                patch.setattr(getattr(sync_api, kind), name, _and_drawn(act, started))
        yield started
        started.close()


# What a reader does, and the page answers with its next picture.
_ACTS = {
    "Page": ("click", "select_option"),
    "Locator": ("click", "fill", "press", "select_option"),
    "Keyboard": ("press",),
    "Mouse": ("click", "up", "wheel"),
}


def _and_drawn(act, browser):
    """Return a way to act that waits until what came of it is drawn, with the next picture of each page."""

    @functools.wraps(act)
    def act_and_wait(*arguments, **more):
        done = act(*arguments, **more)
        for page in (page for context in browser.contexts for page in context.pages if page.url != "about:blank"):
            page.evaluate(NEXT)
        return done

    return act_and_wait


@pytest.fixture(scope="session")
def tabs():
    """Return the pages that there are: a page is opened in the process of the last, which takes long to start."""
    return []


@pytest.fixture
def watched():
    """Return a function that watches a page of an address: nothing may go wrong in it or be asked for."""
    faults, asked, addresses, pages = [], [], {"about:blank"}, []
    listeners = {
        "console": lambda message: faults.append(message.text),
        "pageerror": lambda error: faults.append(error.stack),
        "request": lambda request: asked.append(request.url),
    }

    def watch(page, address):
        addresses.add(address)
        pages.append(page)
        for event, listener in listeners.items():
            page.on(event, listener)

    yield watch
    for page in pages:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
    assert faults == []
    assert {url.split("#")[0] for url in asked} <= addresses


def sized(page, width, height, color_scheme):
    page.set_viewport_size({"width": width, "height": height})
    # Pages that scroll smoothly would make tests wait.
    page.emulate_media(media="screen", color_scheme=color_scheme, reduced_motion="reduce")


def go(page, address):
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("html[data-drawn]")


@pytest.fixture
def opened(browser, tabs, watched, address):
    """Return a function that opens the page, or that of another address, as a browser does that never was there."""
    used = []

    def open_page(width=1280, height=900, fragment="", color_scheme="light", address=address):
        if len(used) == len(tabs):
            tabs.append(browser.new_page())
        page = tabs[len(used)]
        used.append(page)
        sized(page, width, height, color_scheme)
        watched(page, address)
        go(page, address + fragment)
        return page

    yield open_page
    for page in used:
        page.mouse.move(0, 0)
        page.goto("about:blank")


class Kept:
    """A page that stays open from test to test, and how it looked when it was opened: by width, height and colours."""

    def __init__(self, page):
        self.page, self.address, self.looks = page, None, {}

    def show(self, address, *size):
        """Reset the page; open it anew if it was never opened in this size, or does not look as it did then."""
        sized(self.page, *size)
        self.page.mouse.move(0, 0)
        if self.address == address and size in self.looks:
            self.page.evaluate(RESET)
            if self.page.evaluate(SEEN) == self.looks[size]:
                return
        if self.address != address:
            self.looks = {}
        go(self.page, address)
        self.page.evaluate(KEEP)
        self.address, self.looks[size] = address, self.page.evaluate(SEEN)


@pytest.fixture(scope="session")
def kept(browser):
    return Kept(browser.new_page())


@pytest.fixture
def shown(kept, watched, address):
    """Return a function that returns the page as it was when it was opened; its data must be left as they are."""

    def show(width=1280, height=900, color_scheme="light"):
        watched(kept.page, address)
        kept.show(address, width, height, color_scheme)
        return kept.page

    return show


@pytest.fixture
def page(shown):
    """Return the page as it opens."""
    return shown()
