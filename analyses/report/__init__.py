"""The report of an analysis: one page that shows everything, works offline and asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track

from spatialgraph.console import PlainConsole
from spatialgraph.files import atomic

from ..evidence import Evidence, read_agreement
from ..headline import headline
from ..results import Results
from .content import behind, content, html, is_of_paper, read_cells
from .examples import pack_examples
from .glossary import TERMS
from .packing import Pack
from .portrait import Budget, portrait

if TYPE_CHECKING:
    import jinja2

__all__ = ["write_report"]

_ASSETS = Path(__file__).with_name("assets")

# In the order in which they are put together: each uses those before it.
_SCRIPTS = (
    *("data", "state", "marks", "pen", "tip", "table", "charts", "film", "scene", "above", "sides"),
    *("forward", "lesion", "explained", "neuron", "modules", "find", "save", "main"),
)

# Of larger runs the page shows the networks of the first seeds; its tables are of all.
_MOST_NETWORKS = 200
# The page of 18 networks then has 5 MB, that of 36 has 7. Of more, each has less, but never so little as nothing.
_CONNECTIONS, _LEAST_CONNECTIONS = 220_000, 400
_MOST_CONNECTIONS = 6000
_FILM_NETWORKS, _FRAME = 18, 200
# Characters by which the page runs each of 18 networks; of fewer, each may be larger.
_LIVE_NETWORKS, _LIVE = 18, 190_000


def write_report(folder: str | Path, out: str | Path | None = None, console: Console | None = None) -> Path:
    """Write the report of an analysis: one HTML file, whole or not at all.

    Args:
        folder: the RESULTS folder.
        out: the file; ``report.html`` in the folder if None.
        console: where to show progress.

    Returns:
        the file.

    Raises:
        FileNotFoundError: the folder lacks a file that an analysis writes, or the networks are not where it found them.
        ValueError: a file of the folder is not what an analysis writes; the analysis is not finished, or another began
            meanwhile; or a network was replaced after it.
    """
    folder = Path(folder)
    results = Results.load(folder)
    agreement = read_agreement(folder)
    cells = read_cells(_required(folder / "summary.csv"))
    sections = html(_required(folder / "summary.md").read_text(encoding="utf-8"))
    budgets = _budgets(results.members.sort_values("seed", kind="stable")["network"][:_MOST_NETWORKS])
    names = [name for name in results.members["network"] if name in budgets]
    by_network = dict(list(agreement[agreement["network"].isin(names)].groupby("network")))
    networks, shared = list[dict[str, Any]](), dict[str, tuple[dict[str, Any], Pack]]()
    console = console or PlainConsole(stderr=True, quiet=True)
    for name in track(names, "drawing up the report", console=console, transient=True, disable=not console.is_terminal):
        drawn = portrait(results, by_network.get(name, agreement[:0]), name, budgets[name])
        runs: dict[str, Any] = {"why": drawn.live} if isinstance(drawn.live, str) else drawn.live.description
        if not isinstance(drawn.live, str):
            metadata = results.network(name).metadata
            file = metadata["evaluation"]["file"]
            if file not in shared:
                shared[file] = pack_examples(drawn.live.sample, metadata)
            runs |= {"arrays": drawn.live.pack.entries, "examples": list(shared).index(file)}
        facts = drawn.description | {"arrays": drawn.pack.entries, "live": runs}
        running = "" if isinstance(drawn.live, str) else drawn.live.pack.text()
        networks.append({"content": facts, "bytes": drawn.pack.text(), "live": running})
    texts, rows = behind(results)
    evidence = Evidence.of(results)
    told = headline(evidence)
    page_content = content(results, cells, told, evidence.method) | {
        "rows": {"names": texts, "arrays": rows.entries},
        "networks": [network["content"] for network in networks],
        "examples": [facts | {"arrays": pack.entries} for facts, pack in shared.values()],
    }
    page = _template().render(
        title=page_content["run"],
        version=page_content["version"],
        style=(_ASSETS / "page.css").read_text(encoding="utf-8"),
        inflate=(_ASSETS / "inflate.js").read_text(encoding="utf-8"),
        script="\n".join((_ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS),
        headline=told,
        sections=sections,
        terms=dict(sorted(TERMS.items(), key=lambda term: term[1][0].lower())),
        of_paper=is_of_paper(results),
        content=_json(page_content),
        rows=rows.text(),
        networks=[network["bytes"] for network in networks],
        live=[network["live"] for network in networks],
        examples=[pack.text() for _, pack in shared.values()],
    )
    results.require_current()
    path = folder / "report.html" if out is None else Path(out)
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def _required(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected what `spatialgraph analyze` wrote, found nothing")
    return path


def _budgets(names: Iterable[str]) -> dict[str, Budget]:
    """Return the room for each network, so that the page can be sent; the first ones have a film, and are run."""
    names = list(names)
    each = min(max(_CONNECTIONS // len(names), _LEAST_CONNECTIONS), _MOST_CONNECTIONS)
    room = _LIVE * _LIVE_NETWORKS // min(len(names), _LIVE_NETWORKS)
    return {
        name: Budget(each, _FRAME if number < _FILM_NETWORKS else 0, room if number < _LIVE_NETWORKS else 0)
        for number, name in enumerate(names)
    }


def _json(value: Any) -> str:
    """Return JSON that may stand in an HTML file: nothing in it can end the element that holds it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _template() -> jinja2.Template:
    try:
        import jinja2
    except ModuleNotFoundError:
        raise RuntimeError(
            'the report needs the package jinja2, found none: pip install "spatialgraph[report]"'
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html")
