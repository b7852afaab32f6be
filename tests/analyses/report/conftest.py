"""One browser for all tests of the page, and pages in which nothing may go wrong."""

import shutil

import pytest
from analysed_run import write_analysed_run

from spatialgraph.analyses.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox, since tests may run as root; no services of the browser's own, which would ask for addresses.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
FLAGS += ["--disable-component-update", "--disable-quic"]


TASKS = ("left", "<i>right</i>")  # a name is text, whatever it looks like


@pytest.fixture(scope="session")
def small_results(tmp_path_factory):
    """Return the results of a small run, which tests only read."""
    return write_analysed_run(tmp_path_factory.mktemp("analysed"), TASKS)


@pytest.fixture(scope="session")
def small_page(small_results, tmp_path_factory):
    """Return the address of the page of the small run."""
    return write_report(small_results, tmp_path_factory.mktemp("page") / "report.html").resolve().as_uri()


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def opened(browser, address):
    """Return a function that opens the page; afterwards, nothing may have gone wrong or been asked for."""
    faults, asked, contexts = [], [], []

    def open_page(width=1280, height=900, fragment="", **options):
        # Pages that scroll smoothly would make tests wait.
        context = browser.new_context(
            viewport={"width": width, "height": height}, **{"reduced_motion": "reduce"} | options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + fragment)
        page.wait_for_selector("html[data-drawn]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
    assert {url.split("#")[0] for url in asked} == {address}
