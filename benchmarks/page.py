"""How fast the report is written, how large it is, and how soon a browser shows its first picture.

    python benchmarks/page.py RESULTS [--repeats 5] [--out docs/benchmarks/page.json]

RESULTS is a folder that `spatialgraph analyze` wrote. The page is opened in the Chromium that is installed, headless
and without a graphics card, by Playwright; the first picture is when the browser has drawn the canvases, counted from
the start of the navigation. A turn is the drawing of both networks side by side, once as the page shows them and once
with every connection that it has of them. A hover is what the pointer takes from one neuron to another: the rings and
the connections of the overlay, and the tip beside the pointer, without the waiting for the screen's next picture. A
lesion is what the page takes to run the held-out examples without a module, until its numbers are there; the slowest of
all networks, modules and ablations. Medians over repetitions.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from report import report

from spatialgraph.analyses.report import write_report

LIMITS = {"bytes": 8_000_000, "first picture": 1.0, "hover": 1 / 60, "lesion": 0.1}
"""The most that the page of 18 networks may have, and the most seconds to a first picture, of a hover, of a lesion."""

_TURN = """() => new Promise((done) => {
  const canvas = document.querySelector(".focused .over, .side .over");
  const times = [];
  const turn = () => {
    if (times.length > 30) done(times.slice(1).map((time, k) => time - times[k]));
    else {
      times.push(performance.now());
      canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
      requestAnimationFrame(turn);
    }
  };
  requestAnimationFrame(turn);
})"""

# The milliseconds of every lesion: of each network that the page runs, each module, under each ablation.
_LESIONS = """() => {
  const { networks, change } = spatialgraph;
  const ablations = [...document.querySelectorAll("#pick-ablation option")].map(({ value }) => value);
  const times = [];
  for (const { index, live, tasks } of networks.filter(({ live }) => !live.why)) {
    change({ network: index });
    spatialgraph.rightWithout(index, [], ablations[0]);  // which the page does beforehand, while nothing is asked
    for (const ablation of ablations) {
      for (const module of tasks.keys()) {
        change({ ablation, module });
        times.push(Number(document.querySelector("#lesion [data-milliseconds]").dataset.milliseconds));
        change({ module: -1 });
      }
    }
  }
  return times;
}"""


_HOVER = """() => {
  const [side] = document.querySelectorAll(".focused, .side");
  const canvas = side.querySelector(".over");
  const places = spatialgraph.places()[canvas.id.replace("-over", "")];
  const box = canvas.getBoundingClientRect();
  const request = window.requestAnimationFrame;
  const times = [];
  for (let unit = 0; unit < places.length / 2; unit += 7) {
    const pending = [];
    window.requestAnimationFrame = (draw) => pending.push(draw);
    const point = { clientX: box.left + places[2 * unit], clientY: box.top + places[2 * unit + 1], bubbles: true };
    const started = performance.now();
    canvas.dispatchEvent(new PointerEvent("pointermove", point));
    while (pending.length) pending.shift()(performance.now());
    times.push(performance.now() - started);
  }
  window.requestAnimationFrame = request;
  return times;
}"""


def open_page(browser: Browser, path: Path) -> dict[str, float]:
    """Open the page and return the seconds to its first picture, of a hover, of turns, and of lesions."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.resolve().as_uri())
    page.wait_for_selector("html[data-drawn]")
    first = float(page.locator("html").get_attribute("data-drawn") or "nan") / 1000
    hover = statistics.median(page.evaluate(_HOVER)) / 1000
    turn = statistics.median(page.evaluate(_TURN)) / 1000
    page.locator("#weakest").fill("1000")
    full = statistics.median(page.evaluate(_TURN)) / 1000
    lesions = [milliseconds / 1000 for milliseconds in page.evaluate(_LESIONS)]
    page.close()
    return {
        "first picture": first,
        "hover": hover,
        "turn": turn,
        "turn with all connections": full,
        "lesion": max(lesions),
        "lesion, median": statistics.median(lesions),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "report.html"
        written = []
        for _ in range(options.repeats):
            started = time.perf_counter()
            write_report(options.results, path)
            written.append(time.perf_counter() - started)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        seen = [open_page(browser, path) for _ in range(options.repeats)]
        medians = {name: statistics.median(one[name] for one in seen) for name in seen[0]}
        conditions = {"browser": browser.version, "playwright": importlib.metadata.version("playwright")}
        browser.close()
        sizes = {"bytes": path.stat().st_size, "networks": len(list((options.results / "parts").iterdir()))}
    report({"write": statistics.median(written), **sizes, **medians, "limits": LIMITS}, conditions, options.out)


if __name__ == "__main__":
    main()
