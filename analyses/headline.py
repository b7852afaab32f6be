"""The headline of an analysis: one sentence on what was found, which the report opens with.

It follows the rules of ``summary.md``: it speaks of differences that `evidence.seen` lets findings speak of, and where
there is none, of the first finding there is. From fewer than five seeds it is a hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .caveats import caveats
from .columns import FULL
from .evidence import DROP, Evidence, Row, differs, seen
from .fair import is_sweep, main_groups
from .finding import MATTERS
from .findings import FINDINGS
from .kind_findings import ablation_matters
from .labels import ablation_label, inputs_label, kind_in_text
from .statistics import LEVEL
from .wording import counted, number

HOLDS, HINT, NOTHING, MEANINGLESS = "holds", "hint", "nothing", "meaningless"
"""What the analysis shows: a finding, a hint at one from too few seeds, nothing, or nothing that can be read."""

_ABLATION = "incoming"  # the one under which the paper's Table 1 reproduces


@dataclass(frozen=True)
class Headline:
    """The sentence that the report opens with.

    Attributes:
        text: one sentence, plain text.
        verdict: one of `HOLDS`, `HINT`, `NOTHING`, `MEANINGLESS`.
        kinds: the kinds it compares, the reference first; none if it compares none.
        inputs: the input mode that its numbers are of; ``""`` if of all.
        caveats: what changes how it is read, clauses; the most serious first.
    """

    text: str
    verdict: str
    kinds: tuple[str, ...] = ()
    inputs: str = ""
    caveats: tuple[str, ...] = ()


def headline(evidence: Evidence) -> Headline:
    """Return the headline of an analysis."""
    known = tuple(caveat.short for caveat in caveats(evidence))
    if not (evidence.kept["split"] != FULL).any():
        return Headline("Nothing can be said: no number of this analysis has a meaning.", MEANINGLESS, caveats=known)
    cell = [] if is_sweep(evidence) else _main_cell(evidence)
    if cell:
        depends = ablation_matters(evidence)
        turned = ("It depends on what a disabled neuron emits",) if depends and _is_functional(cell) else ()
        return _of_kinds(evidence, cell, (*turned, *known))
    for find in FINDINGS:
        finding = find(evidence)
        if finding is not None and (finding.holds or finding.hint):
            text = _first_sentence(finding.text)
            hint = finding.hint or evidence.few
            seeds = counted(int(evidence.cells["n"].max()), "seed")
            lead = "Hint: " if hint else ""
            return Headline(f"{lead}{text} ({seeds} of each kind of network).", HINT if hint else HOLDS, caveats=known)
    return Headline(_nothing(evidence), NOTHING, caveats=known)


def functional_ablation(ablations: Sequence[str]) -> str:
    """Return the ablation that is told of where one is: that of Table 1, or the first there is; ``""`` if none is.

    Example:
        >>> functional_ablation(("zero", "incoming")), functional_ablation(("zero", "mean")), functional_ablation(())
        ('incoming', 'zero', '')
    """
    return _ABLATION if _ABLATION in ablations else next(iter(ablations), "")


def _main_cell(evidence: Evidence) -> list[Row]:
    """Return the differences that are seen between the reference and one kind in one input mode: those most telling.

    A cell with a loss of accuracy comes before others, one with more differences before one with fewer.
    """
    groups, ablation = set(main_groups(evidence)), functional_ablation(evidence.results.ablations)
    cells: dict[tuple[str, str], list[Row]] = {}
    for metric in ("cut", "modularity", DROP):
        for row in evidence.of_kinds(metric, evidence.method):
            told = seen(row) and (row["kind"], row["inputs"]) in groups and row["ablation"] in ("", ablation)
            if told and (metric != DROP or abs(row["difference"]) >= MATTERS):
                cells.setdefault((row["kind"], row["inputs"]), []).append({**row, "metric": metric})

    def weight(rows: list[Row]) -> tuple[bool, bool, int, float]:
        sizes = [abs(row["difference"]) for row in rows]
        return any(map(differs, rows)), _is_functional(rows), len(rows), float(max(sizes))

    return max(cells.values(), key=weight, default=[])


def _is_functional(rows: Sequence[Row]) -> bool:
    return any(row["metric"] == DROP for row in rows)


def _of_kinds(evidence: Evidence, rows: Sequence[Row], known: tuple[str, ...]) -> Headline:
    """Tell how the networks of a kind differ from the reference: their clauses, with numbers and n."""
    kind, inputs = rows[0]["kind"], rows[0]["inputs"]
    reference_is_one = [row["difference"] * (1 if row["metric"] == "modularity" else -1) > 0 for row in rows]
    if all(reference_is_one):  # the reference is more modular by each of them
        first, second, sides = evidence.reference, kind, ("mean_one", "mean_other")
    else:
        first, second, sides = kind, evidence.reference, ("mean_other", "mean_one")
    said = f"{kind_in_text(first)} networks are more modular than {kind_in_text(second)} ones"
    if any(reference_is_one) and not all(reference_is_one):
        said = f"{kind_in_text(first)} networks differ from {kind_in_text(second)} ones"
    clauses = " and ".join(_clauses(rows, kind_in_text(second), *sides))
    where = f"{inputs_label(inputs)}, " if inputs and len(evidence.results.inputs) > 1 else ""
    seeds = f"{where}{counted(int(rows[0]['n']), 'seed')} of each"
    if not any(map(differs, rows)) or evidence.few:
        verdict, text = HINT, f"Hint: {said}: {clauses} ({seeds}, too few for a test)."
    else:
        verdict, text = HOLDS, f"{said[0].upper()}{said[1:]}: {clauses} ({seeds}, corrected p ≤ {LEVEL})."
    return Headline(text, verdict, (evidence.reference, kind), inputs, known)


def _clauses(rows: Sequence[Row], second: str, of_first: str, of_second: str) -> Iterator[str]:
    """Yield what is measured of the networks that a sentence is about, in brackets that of the others."""
    by_metric = {row["metric"]: row for row in rows}
    if row := by_metric.get("cut"):
        shares = _percent(row[of_first]), _percent(row[of_second])
        yield f"{shares[0]} of their strength crosses between task modules on average ({second}: {shares[1]})"
    elif row := by_metric.get("modularity"):
        yield f"their modularity is {number(row[of_first], 2)} ({second}: {number(row[of_second], 2)})"
    if row := by_metric.get(DROP):
        ablation = f" ({ablation_label(row['ablation'])})" if row["ablation"] else ""
        yield f"cut apart{ablation} they lose {number(row[of_first])} of accuracy ({second}: {number(row[of_second])})"


def _percent(share: float) -> str:
    """Return a share in per cent, with a decimal where it is below 1 %.

    Example:
        >>> _percent(0.437), _percent(0.0042), _percent(0.0)
        ('44 %', '0.4 %', '0 %')
    """
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1f} %"


def _first_sentence(text: str) -> str:
    r"""Return the bold beginning of a finding as plain text, or what answers it, without its full stop.

    Example:
        >>> _first_sentence("**Most `a` networks are \\*more\\* modular.** The rest.")
        'Most a networks are *more* modular'
        >>> _first_sentence("**What makes modules?** Distances do. They are tested.")
        'Distances do'
    """
    match = re.match(r"\*\*(.*?)\*\*(.*)", text, re.DOTALL)
    bold, rest = match.groups() if match else (text, "")
    said = rest if bold.endswith("?") else bold
    return re.sub(r"\\(.)", r"\1", re.split(r"(?<=[.:])\s", said.strip())[0].replace("`", "")).rstrip(".:")


def _nothing(evidence: Evidence) -> str:
    seeds = counted(int(evidence.cells["n"].max()), "seed")
    if evidence.others:
        return f"Nothing was found that tells kinds of network apart, or networks from chance ({seeds} of each)."
    beside = "nothing was found that tells them from chance" if len(evidence.nulls) else "no null model was run"
    return f"There is one kind of network and nothing to compare it with: {beside} ({seeds})."
