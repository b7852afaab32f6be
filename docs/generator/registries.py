"""A page for every registry: what is entered in it, with all that its decorator and its docstring say."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import spatialgraph as sg
from spatialgraph.notes import SENTENCES
from spatialgraph.registry import Registry

HAS_TORCH = importlib.util.find_spec("torch") is not None

# What a page says before its table; the rest follows from the registry.
_SPLITS = """\
A split method gives the units of the split layers to the tasks. Parameters are set in its name, such as
`leiden:resolution=0.5`. Which method fits which question: [choosing](../../choosing.md). How well they find modules
that are known: [measured](../../methods/README.md). A split of your own is `file:mine.csv`."""
_METRICS = """\
A measure says one thing of a network or of its split. Those *of the network or the split* see weights and positions;
those *of function* ask what the network still does with units disabled, once for each [ablation](ablations.md).
*Better* is the direction that means more modular; where there is none, tests are two-sided."""
_NULLS = """\
A null model draws networks to which a score is compared: p is (b + 1) / (m + 1), with b of m draws at least as
modular. A split method that sees weights is run again on every draw. Two more null models are no functions of weights:
`untrained`, the network before training (one draw, no p), and `random-split`, splits with as many units for each task
in each layer. What each keeps, and how right it is: [measured](../../nulls/README.md); which to choose:
[choosing](../../choosing.md)."""
_STRENGTHS = """\
What the strength of a connection is: `spatialgraph analyze --strength NAME`. Split methods and measures see it in
place of the absolute weight."""
_COSTS = """\
What a network pays for besides its tasks, multiplied by the strength that stands here. How to use them:
[costs](../../methods/costs.md); what they make: [what makes modules](../../modules/README.md)."""
_WAYS = "What training does besides descending a gradient: settings of a [kind of training](kinds.md)."


@dataclass(frozen=True)
class _Page:
    title: str
    intro: str
    registry: Registry[Any, Any]
    columns: Mapping[str, Callable[[str], str]]


def pages() -> dict[str, str]:
    """Return the name and the text of each page."""
    shown = {name: _page(page) for name, page in _pages().items()}
    return {f"reference/{name}": text for name, text in (shown | _tables()).items()}


def documented() -> set[object]:
    """Return the functions that these pages document."""
    return {function for page in _pages().values() for function in page.registry.values()}


def _pages() -> dict[str, _Page]:
    splits, metrics, nulls = sg.SPLITS.facts, sg.METRICS.facts, sg.NULLS.facts
    made = {
        "splits": _Page(
            "Split methods",
            _SPLITS,
            sg.SPLITS,
            {"sees": lambda n: splits(n).sees, "draws at random": lambda n: "yes" if splits(n).draws else ""},
        ),
        "metrics": _Page(
            "Measures",
            _METRICS,
            sg.METRICS,
            {
                "of": lambda n: metrics(n).of,
                "better": lambda n: metrics(n).better,
                "range": lambda n: " to ".join(f"{b:g}".replace("inf", "∞") for b in metrics(n).bounds),
                "changes with the weights": lambda n: "yes" if metrics(n).weights else "no",
            },
        ),
        "nulls": _Page(
            "Null models",
            _NULLS,
            sg.NULLS,
            {
                "needs": lambda n: ", ".join(nulls(n).needs),
                "measures that it keeps, and says nothing of": lambda n: ", ".join(nulls(n).keeps),
            },
        ),
        "strengths": _Page("Strengths of a connection", _STRENGTHS, sg.STRENGTHS, {}),
    }
    if HAS_TORCH:
        from spatialgraph.torch.costs import COSTS
        from spatialgraph.train.ways import WAYS

        made["costs"] = _Page("Costs", _COSTS, COSTS, _strength_columns(COSTS))
        made["ways"] = _Page("Ways of training", _WAYS, WAYS, _strength_columns(WAYS))
    return made


def _strength_columns(registry: Registry[Any, Any]) -> dict[str, Callable[[str], str]]:
    facts = registry.facts
    return {
        "symbol, default": lambda n: f"{facts(n).symbol} = {facts(n).default:g}",
        "why that default": lambda n: facts(n).reason,
    }


def _page(page: _Page) -> str:
    """Return a table of all entries, and a section for each."""
    head = ["name", "in a sentence", *page.columns]
    rows = [head, ["---"] * len(head)]
    sections = []
    for name in page.registry:
        facts = [column(name) for column in page.columns.values()]
        rows.append([f"[`{name}`](#{name})", page.registry.summary(name), *facts])
        told = "".join(f"- **{title}**: {fact}\n" for title, fact in zip(page.columns, facts, strict=True) if fact)
        sections.append(f"({name})=\n## {name}\n\n{told}\n{_directive(page.registry[name])}")
    return f"# {page.title}\n\n{page.intro}\n\n{_table(rows)}\n" + "\n".join(sections)


def _directive(function: object) -> str:
    """Return what shows the docstring of a function, or of a class."""
    kind = "autoclass" if inspect.isclass(function) else "autofunction"
    return f"```{{eval-rst}}\n.. {kind}:: {function.__module__}.{function.__qualname__}\n```\n"  # type: ignore[attr-defined]


def _table(rows: list[list[str]]) -> str:
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def _sentences(title: str, intro: str, sentences: Mapping[str, str], word: str = "name") -> str:
    """Return a page that is a table of names and sentences."""
    rows = [[word, ""], ["---", "---"], *([f"`{name}`", text] for name, text in sentences.items())]
    return f"# {title}\n\n{intro}\n\n{_table(rows)}"


def _tables() -> dict[str, str]:
    """Return the pages of what has no docstring of its own to show."""
    from spatialgraph.analyses.figures import FIGURES

    from .reference import data_doc

    ablations = data_doc("spatialgraph.runners", "ABLATIONS")
    notes = {code: re.sub(r"\{(\w+)[^}]*\}", r"‹\1›", sentence) for code, sentence in SENTENCES.items()}
    made = {
        "ablations": f"# Ablations\n\n{ablations}\n\nWhich to choose: [choosing](../../choosing.md).\n",
        "figures": _sentences(
            "Figures",
            "`spatialgraph figures RESULTS --only NAME`; pictures: [gallery](../../gallery.md). Beside what is drawn, "
            "tables are always written (Markdown, LaTeX and CSV): `table1-*`, `methods-*` and `kinds`; `--only tables` "
            "writes them alone. Results of a plugin's methods need the same `--plugin` here as for `analyze`.",
            FIGURES.summaries(),
        ),
        "notes": _sentences(
            "Notes",
            "What a method could not do, or what was odd: column `code` of `notes.csv`; ‹…› is filled in.",
            notes,
            "code",
        ),
    }
    if HAS_TORCH:
        from spatialgraph.train.data import DATASETS
        from spatialgraph.train.inputs import INPUT_MODES
        from spatialgraph.train.kinds import SHIPPED

        from . import settings

        questions = {name: kind.question for name, kind in SHIPPED.items()}
        kinds = (
            "Kinds that an experiment can name without a table; how to make others: [kinds](../../methods/kinds.md)."
        )
        made |= {
            "kinds": _sentences("Kinds of training", kinds, questions),
            "data": _sentences(
                "Data sets", "Tasks of an experiment; yours: [own data](../../own-data.md).", DATASETS.summaries()
            ),
            "inputs": _sentences(
                "Input modes", "How examples of several tasks become one input.", INPUT_MODES.summaries()
            ),
            "settings": settings.page(),
        }
    else:
        lacking = (
            "This build of the site had no PyTorch, with which this page is made: `pip install torch torchvision`."
        )
        titles = {"costs": "Costs", "ways": "Ways of training", "kinds": "Kinds of training", "data": "Data sets"}
        titles |= {"inputs": "Input modes", "settings": "Settings of an experiment"}
        made |= {name: f"# {title}\n\n{lacking}\n" for name, title in titles.items()}
    return made
