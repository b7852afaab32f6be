"""One browser for all tests of the page, and pages in which nothing may go wrong."""

import shutil

import pytest
from analysed_run import write_analysed_run

from spatialgraph.analyses.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox, since tests may run as root; no services of the browser's own, which would ask for addresses.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
FLAGS += ["--disable-component-update", "--disable-quic"]
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

TASKS = ("left", "<i>right</i>")  # a name is text, whatever it looks like


@pytest.fixture(scope="session")
def small_results(tmp_path_factory):
    """Return the results of a small run, which tests only read."""
    return write_analysed_run(tmp_path_factory.mktemp("analysed"), TASKS)


@pytest.fixture(scope="session")
def small_report(small_results, tmp_path_factory):
    """Return the file of the page of the small run."""
    return write_report(small_results, tmp_path_factory.mktemp("page") / "report.html")


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
        for kind, name in ((sync_api.Page, "select_option"), (sync_api.Locator, "select_option")):
            patch.setattr(kind, name, _and_drawn(getattr(kind, name)))
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


def _and_drawn(pick):
    """Return a way to pick that waits until what was picked is drawn, with the next picture."""

    def act(self, *arguments, **more):
        picked = pick(self, *arguments, **more)
        getattr(self, "page", self).evaluate(DRAWN)
        return picked

    return act


@pytest.fixture(scope="session")
def tabs():
    """Return the pages that there are: a page is opened in the process of the last, which takes long to start."""
    return []


@pytest.fixture
def opened(browser, tabs, address):
    """Return a function that opens the page, or that of another address, as a browser does that never was there.

    Afterwards, nothing may have gone wrong or been asked for.
    """
    faults, asked, addresses, used = [], [], set(), []
    listeners = {
        "console": lambda message: faults.append(message.text),
        "pageerror": lambda error: faults.append(error.stack),
        "request": lambda request: asked.append(request.url),
    }

    def open_page(width=1280, height=900, fragment="", color_scheme="light", address=address):
        if len(used) == len(tabs):
            tabs.append(browser.new_page())
        page = tabs[len(used)]
        used.append(page)
        page.set_viewport_size({"width": width, "height": height})
        # Pages that scroll smoothly would make tests wait.
        page.emulate_media(media="screen", color_scheme=color_scheme, reduced_motion="reduce")
        for event, listener in listeners.items():
            page.on(event, listener)
        addresses.add(address)
        page.goto(address + fragment)
        page.wait_for_selector("html[data-drawn]")
        return page

    yield open_page
    for page in used:
        page.mouse.move(0, 0)
        page.goto("about:blank")
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
    assert faults == []
    assert {url.split("#")[0] for url in asked} - {"about:blank"} == addresses
