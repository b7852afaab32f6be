"""The summary of an analysis: ``summary.csv``, ``comparisons.csv``, and ``summary.md``, read in two minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from spatialgraph.escapes import markdown
from spatialgraph.files import atomic

from .caveats import TITLE, caveats, made_on_examples, whole_accuracies
from .chance_findings import beats, blind_to_sizes
from .columns import FULL
from .evidence import DROP, LEAST_DRAWS, Evidence, Row, flipped, planned, records, seen, told_by
from .fair import dose_table, main_groups, main_groups_said
from .fair_comparisons import fair_comparisons
from .findings import FINDINGS
from .frames import to_csv
from .labels import ablation_explained, kind_in_text
from .statistics import INTERVAL, LEAST_SEEDS, LEVEL, least_p
from .wording import between, counted, group_name, interval, listed, markdown_table, number, some

_GROUPS = 8  # of more kinds and input modes not all are named

# So many columns of numbers fit beside the names of methods.
_COLUMNS = 6

_HINTS = (
    "These differences were seen, with too few seeds for a test. They hint, and do not hold: repeat them with more "
    "seeds before you believe them."
)

# The numbers are those of docs/statistics/calibration.csv, rounded.
_INTERVAL = (
    f"0.1 [0.0, 0.2] is a mean over seeds with its {INTERVAL}. Where all values are equal there is no interval. The "
    "table below tells how often such intervals hold the mean. Accuracies lost are often mostly 0. Intervals may reach "
    "beyond what accuracies can be."
)
_HELD = (
    ("normal values", 95, 95, 95),
    ("log-normal values, which are skewed", 84, 85, 89),
    ("four in five values are 0 (samples that have an interval)", 91, 80, 85),
)
_TEST = (
    "p is that of a two-sided sign-flip test of differences paired by seed. It assumes that differences are symmetric "
    "around 0, as those of exchangeable pairs are. Skewed differences with a mean of 0 are rejected in 7 to 27 of 100 "
    "cases instead of 5. There, p tells a difference, and not its mean."
)
_TOGETHER = (
    "p of all networks together combines one p of each network by Fisher's method. It is corrected by Holm's method "
    "for all cells and both tails."
)


def write_summary(source: str | Path | Evidence, out: str | Path | None = None) -> list[Path]:
    """Write the statistics of an analysis as tables and as text, each file whole or not at all.

    Args:
        source: the folder that an analysis wrote, or its evidence.
        out: the folder to write to, made if it is missing; the analysis's own if None.

    Returns:
        the files: ``summary.csv`` (see `statistics.cells`; its column degenerate counts the networks whose split is),
        ``comparisons.csv`` (see `statistics.comparisons`; without degenerate splits), ``doses.csv`` (see
        `fair.dose_table`), ``fair.csv`` (see `fair_comparisons`) and ``summary.md``.

    Raises:
        FileNotFoundError: the folder has no scores.
        ValueError: a file of the folder is not what an analysis writes, or evidence is given without a folder.
    """
    if isinstance(source, Evidence):
        if out is None:
            raise ValueError("expected a folder to write the summary of evidence to, found none")
        evidence = source
    else:
        evidence = Evidence.load(source)
    folder = Path(source if out is None else out)  # type: ignore[arg-type]
    texts: dict[str, Callable[[], str]] = {
        "summary.csv": lambda: _csv(evidence.cells),
        "comparisons.csv": lambda: _csv(evidence.comparisons),
        "doses.csv": lambda: _csv(dose_table(evidence)),
        "fair.csv": lambda: _csv(fair_comparisons(evidence)),
        "summary.md": lambda: summary(evidence),
    }
    for name, text in texts.items():
        with atomic(folder / name) as temporary:
            temporary.write_text(text(), encoding="utf-8", newline="\n")
    return [folder / name for name in texts]


def summary(evidence: Evidence) -> str:
    """Return what was compared, what holds, what does not, what is but hinted at, and what was left out, in Markdown.

    From fewer than `LEAST_SEEDS` seeds nothing holds: what would, stands under the hints.
    """
    evidence = evidence.renamed(markdown)
    texts: dict[str, list[str]] = {"holds": [], "fails": [], "hints": []}
    for find in FINDINGS:
        if (finding := find(evidence)) is not None:
            hint = finding.hint or (finding.holds and evidence.few)
            texts["hints" if hint else "holds" if finding.holds else "fails"].append(finding.text)
    few = f"Nothing: from fewer than {LEAST_SEEDS} seeds nothing is told to hold." if evidence.few else ""
    hints = [("Hints", "\n\n".join([_HINTS, *texts["hints"]]))] if texts["hints"] else []
    sections = [
        (TITLE, _first(evidence)),
        ("What was compared", _compared(evidence)),
        ("What holds", "\n\n".join(texts["holds"]) or few),
        ("What does not", "\n\n".join(texts["fails"])),
        *hints,
        ("What each method is worth", _worth(evidence)),
        ("What was left out", _left_out(evidence)),
    ]
    nothing = "Nothing that the data tell."
    return "# Summary\n\n" + "\n".join(f"## {title}\n\n{text or nothing}\n" for title, text in sections)


def _first(evidence: Evidence) -> str:
    """Say what must not be believed, and on which examples splits were made."""
    bullets = [f"- **{caveat.short}.** {caveat.text}" for caveat in caveats(evidence)]
    lines = bullets or ["- Nothing is known that would make the numbers below meaningless."]
    more = [text for text in (whole_accuracies(evidence), made_on_examples(evidence)) if text]
    return "\n".join([*lines, *(f"- {text}" for text in more)])


def _compared(evidence: Evidence) -> str:
    """Say of what and of how many the numbers are, and what they could show."""
    results = evidence.results
    seeds, repeated = evidence.cells["n"].max(), (evidence.cells["networks"] > evidence.cells["n"]).any()
    also = ", and so are networks of one kind, inputs and seed" if repeated else ""
    methods = listed(f"`{method}`" for method in results.methods) if results.methods else "none"
    ablations = listed(map(ablation_explained, results.ablations)) if results.ablations else "none"
    lines = [
        _networks(evidence),
        *_reference(evidence),
        f"One data point is one trained network: at most {counted(seeds, 'seed')} of a kind and input mode. Tasks are "
        f"averaged first{also}.",
        f"{len(results.methods)} split methods: {methods}.",
        f"Ablations, by what a disabled unit (a neuron, or a channel, a head …) emits: {ablations}.",
        _nulls(evidence),
        _INTERVAL,
        _TEST,
        *([] if evidence.nulls.empty else [_TOGETHER]),
        *_families(evidence),
        *_possible(evidence),
    ]
    held = markdown_table(
        ["of 100 samples, the interval holds the mean in", "3 seeds", "12 seeds", "30 seeds"],
        [[name, *map(str, counts)] for name, *counts in _HELD],
    )
    return "\n".join(f"- {line}" for line in lines) + f"\n\n{held}"


def _networks(evidence: Evidence) -> str:
    """Say how many networks there are of each kind and input mode; of many groups, how many groups."""
    results = evidence.results
    sizes = Counter(zip(results.members["kind"], results.members["inputs"], strict=True))
    counts = sorted(set(sizes.values()))
    if len(evidence.groups) > _GROUPS:
        kinds, modes = counted(len(results.kinds), "kind"), counted(len(results.inputs), "input mode")
        return f"{len(results.members)} networks of {kinds} in {modes}, {between(counts)} of each."
    if len(results.members) == 1:
        return f"1 network: {group_name(*evidence.groups[0])}."
    if len(counts) == 1:
        return f"{len(results.members)} networks, {counts[0]} each: {some([group_name(*g) for g in evidence.groups])}."
    names = [f"{group_name(*group)} ({sizes[group]})" for group in evidence.groups]
    return f"{len(results.members)} networks: {some(names)}."


def _reference(evidence: Evidence) -> list[str]:
    """Say which kind the others are compared with, and how many they are."""
    if not evidence.others:
        return []
    count = len(evidence.others)
    text = f"The reference is the kind {kind_in_text(evidence.reference)}: "
    if evidence.reference not in set(evidence.kept["kind"]):
        return [f"{text}nothing is compared with it, since no score of it is left."]
    text += f"{counted(count, 'other kind')} {'is' if count == 1 else 'are'} compared with it"
    if count > 1:
        text += ", and Holm's correction is for all of them together"
    return [f"{text}."]


def _nulls(evidence: Evidence) -> str:
    if evidence.nulls.empty:
        return "No null model was run: what chance would give is not known."
    draws = evidence.nulls.groupby("null", sort=False)["draws"].max()
    parts = [f"{null} ({counted(int(most), 'draw')})" for null, most in draws.fillna(0).items()]
    text = f"Null models: {listed(parts)}."
    if (draws < LEAST_DRAWS).any():
        text += f" Of m draws no p is below 1 / (m + 1): p ≤ {LEVEL} needs at least {LEAST_DRAWS} draws."
    return text


def _families(evidence: Evidence) -> list[str]:
    """Say of how many families of tests the comparisons are, and what is expected of them by chance."""
    rows = evidence.comparisons
    tested = rows[rows["p"].notna()]
    if tested.empty:
        return []
    tables = tested.groupby(["comparison", "table"])
    able = int((tables["p_least"].min() * tables["comparisons"].max() <= LEVEL).sum())
    text = (
        f"comparisons.csv has {len(tested)} tests in {counted(len(tables), 'table')}. Each table is a family of Holm's "
        f"correction: the chance of any false rejection in it is at most {LEVEL}. Nothing is corrected for the number "
        "of tables."
    )
    if able:
        text += (
            f" {able} of them have seeds enough for a rejection. If nothing differed, {able} × {LEVEL} = "
            f"{able * LEVEL:.2g} tables at most would be expected to have a false one."
        )
    return [text]


def _possible(evidence: Evidence) -> list[str]:
    """Say where no comparison can be significant, whatever the data."""
    rows = evidence.comparisons
    if rows.empty:
        return []
    most = int(rows["n"].max())
    if most < LEAST_SEEDS:
        return [
            f"No test was made: expected at least {LEAST_SEEDS} seeds, found {most}. Differences whose interval leaves "
            "out 0 are hints. They are not corrected for how many were looked at."
        ]
    tables = rows[rows["p"].notna()].groupby(["comparison", "table"], sort=False)
    sizes = records(tables.agg(least=("p_least", "min"), size=("comparisons", "max"), n=("n", "max")).reset_index())
    lines = []
    for word in dict.fromkeys(row["comparison"] for row in sizes):
        own = [row for row in sizes if row["comparison"] == word]
        blind = [row for row in own if row["least"] * row["size"] > LEVEL]
        if blind:
            worst = max(blind, key=lambda row: float(row["least"] * row["size"]))
            lines.append(
                f"Comparisons of {word}: in {len(blind)} of {len(own)} tables no corrected p can be {LEVEL} or less, "
                f"whatever the data. From {worst['n']} seeds p is at least {worst['least']:.2g}. The first of "
                f"{worst['size']} comparisons needs {LEVEL / worst['size']:.2g}: "
                f"{_seeds_needed(worst['size'])}compare fewer. Read their intervals."
            )
    below = (
        "What is told below is corrected for its own comparisons only. Where even those are too many for the seeds, it "
        "rests on intervals and is a hint (°)."
    )
    return [*lines, below] if lines else []


def _seeds_needed(size: int) -> str:
    """Say how many seeds let a table of so many comparisons have a significant one."""
    enough = (n for n in range(LEAST_SEEDS, 100) if least_p(n) * size <= LEVEL)
    seeds = next(enough, None)
    return "" if seeds is None else f"train {seeds} seeds, or "


def _worth(evidence: Evidence) -> str:
    """Return the accuracy that every method costs, of each kind and input mode, under its worst ablation."""
    worst = {(row["split"], row["kind"], row["inputs"]): row for row in records(evidence.worst)}
    if not worst:
        return "No accuracy of split networks was measured."
    shown = main_groups(evidence)
    blocks = [shown]
    if len(shown) > _COLUMNS:
        blocks = [[group for group in shown if group[1] == inputs] for inputs in evidence.results.inputs]
    if len(shown) < len(evidence.groups):  # a large sweep: one column for each line
        blocks = [block[start : start + _COLUMNS] for block in blocks for start in range(0, len(block), _COLUMNS)]
    tables = [
        markdown_table(
            ["method", *(group_name(*group) for group in block)],
            [
                ["*whole network: accuracy*", *(_whole(evidence, group) for group in block)],
            ]
            + [
                [f"`{method}`", *(_worth_cell(evidence, worst.get((method, *group)), method, group) for group in block)]
                for method in evidence.results.methods
            ],
        )
        for block in blocks
    ]
    ablations, seeds = evidence.results.ablations, between([row["n"] for row in worst.values()])
    caption = f"Accuracy lost under the ablation that costs most (of {listed(ablations)}). n = {seeds} seeds."
    if len(ablations) > 1:
        caption += " The ablation is named. As it is chosen by these means, they are rather too large."
    if len(shown) < len(evidence.groups):
        caption += " Doses of equal accuracy alone: all are in summary.csv."
    if not evidence.controls.empty:
        caption += (
            " ✓: beats random splits with equally large modules, under every ablation. This is so in most networks "
        )
        caption += f"and in all together. {blind_to_sizes(evidence)}".rstrip()
    if not evidence.degenerate.empty:
        caption += " †: without the networks whose split is degenerate."
    return "\n\n".join([caption, *tables, *_beside(evidence)])


def _whole(evidence: Evidence, group: tuple[str, str]) -> str:
    """Return the mean accuracy of whole networks of a kind and input mode, beside which losses are to be read."""
    cells = evidence.kept_cells
    own = cells[(cells["metric"] == "accuracy") & (cells["split"] == FULL)]
    own = own[(own["kind"] == group[0]) & (own["inputs"] == group[1])]
    return number(float(own["mean"].iloc[0])) if len(own) else "–"


def _worth_cell(evidence: Evidence, row: Row | None, method: str, group: tuple[str, str]) -> str:
    left_out = _of(evidence.degenerate, method, group)
    if row is None:
        return "degenerate" if len(left_out) else "–"
    own = _of(evidence.controls, method, group)
    better = len(own) > 0 and bool(beats(own).all())
    marks = ("✓" if better else "") + ("†" if len(left_out) else "")
    ablation = row["ablation"] if len(evidence.results.ablations) > 1 else ""
    return " ".join(filter(None, (interval(row["mean"], row["low"], row["high"]), ablation, marks)))


def _of(rows: pd.DataFrame, method: str, group: tuple[str, str]) -> pd.DataFrame:
    """Return the rows of a method and of a kind and input mode."""
    if rows.empty:
        return rows
    return rows[(rows["split"] == method) & (rows["kind"] == group[0]) & (rows["inputs"] == group[1])]


def _beside(evidence: Evidence) -> list[str]:
    """Count, in a table, the cells in which other methods cost less than the reference method, or more."""
    rows = evidence.comparisons
    rows = rows[(rows["comparison"] == "methods") & (rows["metric"] == DROP) & (rows["n"] > 0)]
    rows = rows[(rows["one"] == evidence.method) | (rows["other"] == evidence.method)]
    asked: list[Row] = []  # of one kind, input mode and ablation: every other method beside this one
    for _, group in rows.groupby(["kind", "inputs", "ablation"], sort=False):
        asked += planned(records(group))
    table = []
    for method in evidence.results.methods:
        own = [flipped(row, method) for row in asked if method in (row["one"], row["other"])]
        if method != evidence.method and own:
            less = sum(seen(row) and row["difference"] < 0 for row in own)
            more = sum(seen(row) and row["difference"] > 0 for row in own)
            table.append([f"`{method}`", str(less), str(more), str(len(own))])
    if not table:
        return []
    caption = (
        f"In how many cells (kind, input mode and ablation) a method loses less accuracy than `{evidence.method}`, and "
        f"in how many more. {told_by(asked, marks=False)}"
    )
    return [caption, markdown_table(["method", "less", "more", "of"], table)]


def _left_out(evidence: Evidence) -> str:
    """Say which splits are degenerate, and what could not be measured."""
    lines = []
    for method in evidence.results.methods:
        parts = [
            f"{group_name(*group)} {count} of {len(evidence.networks(*group, method))}"
            for group in main_groups(evidence)
            if (count := len(_of(evidence.degenerate, method, group)))
        ]
        if len(parts) > _GROUPS:
            own = int((evidence.degenerate["split"] == method).sum())
            lines.append(f"- Degenerate splits of `{method}`: {own}, in {len(parts)} groups of networks.")
        elif parts:
            lines.append(
                f"- Degenerate splits of `{method}`: {', '.join(parts)} networks."
                f"{main_groups_said(evidence, 'summary.csv')}"
            )
    if lines:
        lines.append(
            "- summary.csv counts these, and says how many in its column degenerate. They do not count above, nor in "
            "comparisons.csv."
        )
    members = evidence.results.members
    for method in evidence.results.methods:
        split = set(evidence.scores.loc[evidence.scores["split"] == method, "network"])
        missing = members[~members["network"].isin(split)]
        if len(missing):
            kinds = listed(dict.fromkeys(group_name(kind, "") for kind in missing["kind"]))
            lines.append(f"- `{method}` was not applied to {len(missing)} of {len(members)} networks ({kinds}).")
    return "\n".join(lines) or "Nothing."


def _csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; six digits are more than any score is known to."""
    return to_csv(table, float_format="%.6g")
