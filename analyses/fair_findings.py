"""What makes modules: what fair comparisons of families of kinds tell, by rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from .evidence import DROP, Evidence, Row, records
from .fair import FACTOR, SPATIAL, WITHIN, dose_table, is_sweep, lines
from .fair_comparisons import ACCURACY, BEYOND, REFERENCE, STRENGTH, SWEEP, fair_comparisons
from .finding import Finding
from .labels import RIVALS, different, inputs_label, kind_in_text, kind_label
from .statistics import INTERVAL, LEVEL
from .wording import between, counted, listed, markdown_table

LESS, MORE, MIXED, SAME = "less", "more", "depends", "same"
"""The verdicts on a line in an input mode: it loses less, or more, under every ablation; that depends on the ablation;
or nothing is told apart."""

_OPPONENT = "spatial"


def what_makes_modules(evidence: Evidence) -> Finding | None:
    """Tell which families lose less accuracy than the reference when split, and more than spatial networks, fairly."""
    if not is_sweep(evidence):
        return None
    rows = fair_comparisons(evidence)
    drops = rows[rows["metric"] == DROP]
    if drops.empty:
        return None
    judged = verdicts(drops)
    if (judged["verdict"] == SAME).all():
        return None
    few = not any(map(_is_tested, records(drops)))
    text = "\n\n".join(
        [
            f"**What makes modules?** {_first(evidence, judged)}",
            _how(evidence, drops),
            _table(evidence, judged, rows),
            _answers(evidence, judged),
            _along(evidence, judged),
        ]
    )
    return Finding(text.strip(), True, hint=few)


def verdicts(drops: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on each line, input mode and dose, from differences of drops under every ablation.

    A difference counts if its corrected p is at most 0.05, or, where the seeds are too few for any test, if its
    interval leaves out 0.

    Args:
        drops: rows of ``fair.csv``.

    Returns:
        columns basis, against, inputs, line, other (the kind) and verdict, one of `LESS`, `MORE`, `MIXED`, `SAME`.

    Example:
        >>> row = {"basis": "sweep", "against": "reference", "inputs": "mix", "line": "l1", "other": "l1 λ=1", "n": 8}
        >>> row |= {"difference": 0.2, "low": 0.1, "high": 0.3, "p_joint": 0.01, "p_least": 0.0078}
        >>> verdicts(pd.DataFrame([row, row]))["verdict"].tolist()
        ['less']
        >>> verdicts(pd.DataFrame([row, row | {"p_joint": 0.5}]))["verdict"].tolist()
        ['depends']
    """
    keys = ["basis", "against", "inputs", "line", "other"]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in records(drops):
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return pd.DataFrame([(*key, _verdict(own)) for key, own in groups.items()], columns=[*keys, "verdict"])


def _verdict(rows: Sequence[Row]) -> str:
    signs = {_sign(row) for row in rows}
    if signs == {0}:
        return SAME
    return {frozenset({1}): LESS, frozenset({-1}): MORE}.get(frozenset(signs), MIXED)


def _sign(row: Row) -> int:
    """Return 1 where the line's networks lose less than those they are compared with, −1 where more, 0 if not told."""
    told = row["p_joint"] <= LEVEL if _is_tested(row) else row["low"] > 0 or row["high"] < 0
    return int(told) * (1 if row["difference"] > 0 else -1)


def _is_tested(row: Row) -> bool:
    """Return whether there are seeds enough for a p of at most 0.05."""
    return bool(row["p_least"] <= LEVEL)


def _first(evidence: Evidence, judged: pd.DataFrame) -> str:
    """Say which families lose less than the reference in every input mode, and which less than spatial ones in any."""
    own = judged[judged["basis"] == ACCURACY]
    beside = own[own["against"] == REFERENCE]
    always = [line for line in lines(evidence) if set(beside.loc[beside["line"] == line, "verdict"]) == {LESS}]
    reference = kind_in_text(evidence.reference)
    text = (
        f"At equal accuracy, {listed(map(kind_in_text, always))} networks lose less than {reference} ones when they "
        "are split. This is so in every input mode where they are compared, and under every ablation."
        if always
        else f"At equal accuracy, no family loses less than {reference} networks in every input mode and under every "
        "ablation."
    )
    rivals = own[own["against"] == _OPPONENT]
    if rivals.empty:
        return text
    better = rivals[rivals["verdict"] == LESS]
    if better.empty:
        return f"{text} None is told to lose less than spatial networks."
    names = list(dict.fromkeys(better["line"]))
    return f"{text} Less than spatial networks, in some input mode, lose {listed(map(kind_in_text, names))}."


def _how(evidence: Evidence, drops: pd.DataFrame) -> str:
    """Say how doses were chosen, how many comparisons there are, and by which criterion they are told."""
    source = dose_table(evidence)["examples"].iloc[0]
    sizes = {basis: int(drops.loc[drops["basis"] == basis, "comparisons"].max()) for basis in drops["basis"].unique()}
    known = [f"{counted(size, 'comparison')} ({basis})" for basis, size in sizes.items() if size]
    families = (
        f" Comparisons under each ablation are corrected together, in families of {listed(known)}." if known else ""
    )
    seeds = between(drops["n"].tolist())
    test = f"A difference is told by p ≤ {LEVEL} by flips of sign, step-down maxT."
    if not any(map(_is_tested, records(drops))):
        test = f"The seeds are too few for a test. A difference is a hint: its {INTERVAL} leaves out 0."
    return (
        f"Splits are by `{evidence.method}`. Equal accuracy: the strongest dose within {WITHIN} of the reference on "
        f"{source} examples. Equal strength: the dose whose total strength of the split layers is closest to that of "
        f"spatial networks, within a factor of {FACTOR}. n = {seeds} seeds, paired.{families} {test}"
    )


def _table(evidence: Evidence, judged: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Return a line for each family: where it loses less than the reference, is more modular, and beside spatial."""
    reference = kind_in_text(evidence.reference)
    head = [
        "kind",
        "difference in training",
        f"loses less than {reference}",
        "more modular beyond chance",
        "beside spatial",
    ]
    beyond = rows[rows["metric"].str.startswith(BEYOND) & (rows["basis"] == ACCURACY) & (rows["against"] == REFERENCE)]
    table = []
    own = judged[judged["basis"] == ACCURACY]
    for line in lines(evidence):
        of = own[own["line"] == line]
        beside, rival = of[of["against"] == REFERENCE], of[of["against"] == _OPPONENT]
        modular = [row["inputs"] for row in records(beyond[beyond["line"] == line]) if _sign(row) < 0]
        if of.empty:
            cells = ["no dose is accurate enough", "", ""]
        else:
            cells = [_where(beside, LESS), _modes(modular), _beside(rival)]
        table.append([kind_label(line), different(line), *cells])
    return markdown_table(head, table)


def _where(rows: pd.DataFrame, verdict: str) -> str:
    """Return the input modes with a verdict, and in brackets those where it depends on the ablation."""
    sure, mixed = (rows.loc[rows["verdict"] == one, "inputs"].tolist() for one in (verdict, MIXED))
    return _modes(sure) + (f" (by the ablation: {_modes(mixed)})" if mixed else "")


def _beside(rows: pd.DataFrame) -> str:
    parts = [
        f"{verdict}: {where}"
        for verdict in (LESS, MORE)
        if (where := _modes(rows.loc[rows["verdict"] == verdict, "inputs"])) != "–"
    ]
    mixed = rows.loc[rows["verdict"] == MIXED, "inputs"]
    parts += [f"by the ablation: {_modes(mixed)}"] if len(mixed) else []
    return "; ".join(parts) or ("not told apart" if len(rows) else "–")


def _modes(modes: Iterable[str]) -> str:
    return listed(map(inputs_label, modes)) if list(modes) else "–"


def _answers(evidence: Evidence, judged: pd.DataFrame) -> str:
    """Answer each question of `RIVALS` that the kinds can, in a table: in how many cells its families do as spatial."""
    family = dict(zip(evidence.members["line"], evidence.members["family"], strict=True))
    asked = {question: tuple(families) for question, families in RIVALS.items()}
    known = {one for families in asked.values() for one in families} | {SPATIAL, family.get(evidence.reference, "")}
    own = tuple(dict.fromkeys(one for line in lines(evidence) if (one := family.get(line, line)) not in known))
    asked |= {f"Is it {listed(map(kind_in_text, own))}?": own} if own else {}
    answers = []
    for question, families in asked.items():
        for basis in (ACCURACY, STRENGTH):
            rows = judged[(judged["basis"] == basis) & judged["line"].map(family).isin(families)]
            if len(rows):
                answers.append([question, basis, *_counts(rows)])
    reference = kind_in_text(evidence.reference)
    head = ["question", "at", f"less than {reference}", "more than spatial", "less than spatial"]
    caption = "In how many cells (family and input mode) the families that answer a question lose less, or more:"
    return f"{caption}\n\n{markdown_table(head, answers)}" if answers else ""


def _counts(rows: pd.DataFrame) -> list[str]:
    """Count the cells in which less is lost than by the reference, and more and less than by spatial networks."""
    beside, rival = rows[rows["against"] == REFERENCE], rows[rows["against"] == _OPPONENT]
    asked = ((beside, LESS), (rival, MORE), (rival, LESS))
    return [f"{int((own['verdict'] == verdict).sum())} of {len(own)}" if len(own) else "–" for own, verdict in asked]


def _along(evidence: Evidence, judged: pd.DataFrame) -> str:
    """Say which doses of the whole sweep lose less than spatial networks at their dose of equal accuracy."""
    rows = judged[(judged["basis"] == SWEEP) & (judged["against"] == _OPPONENT)]
    family = dict(zip(evidence.members["line"], evidence.members["family"], strict=True))
    rows = rows[rows["line"].map(family) != SPATIAL]
    if rows.empty:
        return ""
    less = rows[rows["verdict"] == LESS]
    text = (
        f"Along the whole sweep, {len(less)} of {len(rows)} doses of other families lose less than spatial networks at "
        "equal accuracy"
    )
    if less.empty:
        return f"{text} (counted in each input mode)."
    table = dose_table(evidence).set_index(["inputs", "kind"])["below"]
    below = [table[pair] for pair in zip(less["inputs"], less["other"], strict=True)]
    accurate = sum(one <= WITHIN for one in below)
    names = listed(map(kind_in_text, dict.fromkeys(less["line"])))
    return (
        f"{text} (counted in each input mode): {names}. Of these doses, {accurate} are within {WITHIN} of the "
        "reference's accuracy."
    )
