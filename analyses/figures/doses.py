"""Dose and response: modularity, the accuracy that splits cost, and accuracy, along the doses of every family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spatialgraph.faults import NotApplicableError

from .. import plots
from ..evidence import DROP, Evidence, Row, records
from ..fair import WITHIN, dose_table, is_sweep, lines
from ..fair_comparisons import BEYOND, common_null, measures
from ..labels import ablation_label, inputs_label, kind_in_text, kind_label, slug
from ..results import Results
from ..statistics import CAVEAT, INTERVAL
from ..wording import between, counted
from ..worth import MODULARITY
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .page import Page
from .panels import letter, points_and_means, with_intervals

_GAP = 1.5  # between lines, in steps between doses
_PLACES, _FEW = 90, 30  # so many steps fit into two columns of a page, and into one
_MODES = 3  # input modes on a page
_ACCURACY, _BEYOND = "accuracy", "modularity\nbeyond null"
_STRIP = 0.72  # inches
_ALONE, _ROOM = 1.15, 2.7  # inches: the height of a panel, and the room across it, where there is one line
_TICK = 0.3  # inches that the number of a dose takes
_STRUCTURE = (MODULARITY, BEYOND, _ACCURACY)  # measures that know no ablation
_FAR = 0.2  # below the reference's accuracy: doses there would squeeze all others together


@figure("dose-response")
def dose_response(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show modularity, accuracy lost at the split and accuracy along the doses of each family, seed by seed."""
    evidence = sweep_of(results, choice)
    values, shown = measures(evidence), _pages(_places(evidence))
    for ablation in _ablations(values, results, choice.measure):
        strips = _strips(values, evidence, ablation, choice.measure)
        for number, (own, modes) in enumerate(
            [(own, modes) for own in shown for modes in _some(results.inputs)], start=1
        ):
            points = _points(strips, own, modes)
            if len(points):
                several = len(shown) * len(_some(results.inputs)) > 1
                name = "-".join(filter(None, ["dose-response", slug(ablation), str(number) if several else ""]))
                yield _drawing(page, name, evidence, points, own, modes, list(strips), ablation)


def sweep_of(results: Results, choice: Choice) -> Evidence:
    """Return the evidence of results whose kinds have doses; its main method is the one that is chosen.

    Raises:
        NotApplicableError: there is nothing to choose among the kinds.
    """
    evidence = Evidence.of(results)
    if choice.method is not None:
        evidence = evidence.with_method(choice.method)
    if not is_sweep(evidence):
        raise NotApplicableError("expected kinds of network at several doses, or of several families, found neither")
    return evidence


def _ablations(values: pd.DataFrame, results: Results, measure: str | None) -> list[str]:
    """Return the ablations under which drops are known; ``""`` alone if there are none, or the measure knows none."""
    if measure in _STRUCTURE:
        return [""]
    known = set(values.loc[values["metric"] == DROP, "ablation"])
    return [name for name in results.ablations if name in known] or [""]


def _strips(values: pd.DataFrame, evidence: Evidence, ablation: str, measure: str | None) -> dict[str, pd.DataFrame]:
    """Return the values of each measure that is shown, by its title.

    Raises:
        NotApplicableError: there are no values of the one measure that is chosen.
    """
    null = common_null(evidence)
    beyond = (_BEYOND, values[values["metric"] == f"{BEYOND}:{null}"])
    plain = (MODULARITY, values[values["metric"] == MODULARITY])
    known = {
        MODULARITY: beyond if null and measure is None else plain,
        BEYOND: beyond,
        DROP: ("accuracy\ndrop", values[(values["metric"] == DROP) & (values["ablation"] == ablation)]),
        _ACCURACY: (_ACCURACY, values[values["metric"] == _ACCURACY]),
    }
    asked = [known[name] for name in (MODULARITY, DROP, _ACCURACY)] if measure is None else []
    asked += [known[measure]] if measure in known else []
    strips = {title: own for title, own in asked if len(own)}
    if measure is not None and not strips:
        raise NotApplicableError(f"measure: expected one of {', '.join(known)} that was measured, found {measure}")
    return strips


def _places(evidence: Evidence) -> pd.DataFrame:
    """Return the kinds of every line, each with its step in the line and whether it is compared at equal accuracy."""
    table = dose_table(evidence)
    known = table[table["line"].isin(lines(evidence)) & (table["kind"] != evidence.reference)]
    kinds = known.drop_duplicates("kind")
    kinds = kinds.sort_values(["line", "dose"], key=lambda c: c.map(lines(evidence).index) if c.name == "line" else c)
    settings = evidence.members.drop_duplicates("kind").set_index("kind")["setting"]
    kinds = kinds.assign(setting=kinds["kind"].map(settings))
    return kinds[["line", "kind", "setting", "symbol", "dose"]].reset_index(drop=True)


def _pages(places: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the kinds of each page with their place on the horizontal axis."""
    pages: list[list[pd.DataFrame]] = [[]]
    used = 0.0
    for _, own in places.groupby("line", sort=False):
        width = len(own) - 1 + _GAP
        if used + width > _PLACES and pages[-1]:
            pages.append([])
            used = 0.0
        pages[-1].append(own.assign(place=used + np.arange(len(own), dtype=float)))
        used += width
    several = [pd.concat(page, ignore_index=True) for page in pages if page]
    return [_on_a_scale(page) for page in several] if len(several) == 1 else several


def _on_a_scale(places: pd.DataFrame) -> pd.DataFrame:
    """Return the kinds of a page, those of a single line of doses above 0 at the logarithms of these.

    The closest doses are one step apart, as doses of several lines are.
    """
    if not _is_logarithmic(places):
        return places
    place = np.log(places["dose"].to_numpy(float))
    return places.assign(place=(place - place[0]) / np.diff(place).min())


def _is_logarithmic(places: pd.DataFrame) -> bool:
    """Return whether the doses of a page stand at their logarithms: those of a single line, all above 0."""
    return places["line"].nunique() == 1 and len(places) > 1 and bool((places["dose"] > 0).all())


def _some(modes: Sequence[str]) -> list[Sequence[str]]:
    return [modes[start : start + _MODES] for start in range(0, len(modes), _MODES)]


def _points(strips: Mapping[str, pd.DataFrame], places: pd.DataFrame, modes: Sequence[str]) -> pd.DataFrame:
    """Return the values that a page shows; those of the reference have no place."""
    parts = [own.assign(measure=title) for title, own in strips.items()]
    points = pd.concat(parts) if parts else pd.DataFrame(columns=["inputs", "kind"])
    points = points[points["inputs"].isin(modes)].merge(places, on="kind", how="left")
    return points.rename(columns={"unit": "seed"}).assign(network="")


def _drawing(
    page: Page,
    name: str,
    evidence: Evidence,
    points: pd.DataFrame,
    places: pd.DataFrame,
    modes: Sequence[str],
    titles: Sequence[str],
    ablation: str,
) -> Drawing:
    modes = [mode for mode in modes if (points["inputs"] == mode).any()]
    of_lines = points.dropna(subset="place")
    keys = ["inputs", "measure", "line", "kind", "place"]
    means = with_intervals(of_lines, keys)
    far = _far(means, points[points["kind"] == evidence.reference])
    chosen = dose_table(evidence).query("equal_accuracy")
    pairs = set(zip(chosen["inputs"], chosen["kind"], strict=True))
    means["chosen"] = [pair in pairs for pair in zip(means["inputs"], means["kind"], strict=True)]
    reference = points[points["kind"] == evidence.reference]
    named = list(dict.fromkeys(places["line"]))
    styles = {line: style for line, style in plots.kind_styles(lines(evidence)).items() if line in named}
    width = DOUBLE if places["place"].max() > _FEW else SINGLE
    alone = len(named) == 1
    height = (_ALONE + 0.25 if alone else _STRIP) * len(modes) * len(titles) + (0.6 if alone else 1.9)
    figure, axes = page.panels(width, height, len(modes) * len(titles), sharex=True)
    axes = axes[:, 0]
    starts = places.drop_duplicates("line")["place"].to_numpy(float)
    for row, (mode, title) in enumerate((mode, title) for mode in modes for title in titles):
        ax = axes[row]
        here = [
            frame[(frame["inputs"] == mode) & (frame["measure"] == title)] for frame in (of_lines, means, reference)
        ]
        if title == _ACCURACY:
            here[:2] = [frame[~frame["kind"].isin(far.get(mode, ()))] for frame in here[:2]]
        plots.strip(ax, here[0], here[1], (starts[1:] - _GAP / 2).tolist(), styles, _band(here[2]), whole=alone)
        ax.set_ylabel(title)
        if title == titles[0] and len(modes) > 1:
            text = f"{letter(row // len(titles))}  {inputs_label(mode)}"
            ax.annotate(
                text, (0, 1), xycoords="axes fraction", xytext=(-44, 4), textcoords="offset points", fontsize=8,
                fontweight="bold", va="bottom",
            )  # fmt: skip
    figure.align_ylabels(axes)
    if alone:
        grey = f" (grey: {kind_in_text(evidence.reference)})" if len(reference) else ""
        _name_doses(axes[0], axes[-1], places, f"{kind_label(named[0])}{grey}")
    else:
        _name_lines(axes[0], axes[-1], places)
    numbers = _numbers(of_lines, means, reference, places)
    caption = _caption(evidence, ablation, modes, titles, named)
    if far:
        count = counted(sum(map(len, far.values())), "dose")
        caption += f" Their accuracies are not drawn: {count} more than {_FAR} below the {_ACCURACY} of the reference."
    return Drawing(name, figure, numbers, caption)


def _far(means: pd.DataFrame, reference: pd.DataFrame) -> dict[str, set[str]]:
    """Return the kinds whose whole networks are much less accurate than the reference, by input mode."""
    own = reference[reference["measure"] == _ACCURACY].groupby("inputs")["value"].mean()
    rows = means[means["measure"] == _ACCURACY]
    rows = rows[rows["mean"] < rows["inputs"].map(own) - _FAR]
    return {str(mode): set(kinds) for mode, kinds in rows.groupby("inputs")["kind"]}


def _band(values: pd.DataFrame) -> tuple[float, float, float] | None:
    """Return the least, the mean and the largest value; None if there is none."""
    own = values["value"]
    return (float(own.min()), float(own.mean()), float(own.max())) if len(own) else None


def _name_lines(top: Axes, bottom: Axes, places: pd.DataFrame) -> None:
    """Name the lines above the panels, and below them their least and largest doses."""
    ticks: list[tuple[float, str]] = []
    for line, own in places.groupby("line", sort=False):
        symbol = own["symbol"].iloc[0]
        text = " ".join(filter(None, [kind_label(str(line)), symbol]))
        top.annotate(
            text, (own["place"].mean(), 1), xycoords=("data", "axes fraction"), xytext=(0, 17),
            textcoords="offset points", rotation=90, ha="center", va="bottom",
        )  # fmt: skip
        known = records(own.dropna(subset="dose"))
        ticks += [(float(row["place"]), f"{row['dose']:g}") for row in known[:1] + known[1:][-1:]]
    bottom.set_xticks([place for place, _ in ticks], [text for _, text in ticks], rotation=90)
    bottom.set_xlim(-_GAP, float(places["place"].max()) + _GAP)
    bottom.set_xlabel("dose, each family on its own scale")


def _name_doses(top: Axes, bottom: Axes, places: pd.DataFrame, title: str) -> None:
    """Name the one line above the panels, and below them its doses: all for which there is room, and the largest."""
    top.annotate(
        title, (1, 1), xycoords="axes fraction", xytext=(0, 4),
        textcoords="offset points", ha="right", va="bottom",
    )  # fmt: skip
    known = records(places.dropna(subset="dose"))
    apart = places["place"].max() * _TICK / _ROOM
    shown: list[Row] = []
    for row in reversed(known):
        if not shown or shown[0]["place"] - row["place"] >= apart:
            shown.insert(0, row)
    bottom.set_xticks([row["place"] for row in shown], [f"{row['dose']:g}" for row in shown])
    margin = max(0.06 * float(places["place"].max()), 0.5)
    bottom.set_xlim(-margin, float(places["place"].max()) + margin)
    setting, symbol = places["setting"].iloc[0], places["symbol"].iloc[0]
    name = " ".join(dict.fromkeys(part for part in (setting, symbol) if part)) or "dose"
    bottom.set_xlabel(f"{name} (logarithmic)" if _is_logarithmic(places) else f"{name} (in steps)")


def _numbers(points: pd.DataFrame, means: pd.DataFrame, reference: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return what a page shows as one tidy frame; the rows of the reference have no line and no dose."""
    keys = ["inputs", "measure", "line", "kind"]
    frame = points_and_means(points, means, keys)
    beside = reference.assign(line="", statistic="seed")[list(frame.columns)]
    numbers = pd.concat([frame, beside], ignore_index=True)
    numbers["measure"] = numbers["measure"].str.replace("\n", " ")
    numbers.insert(len(keys), "dose", numbers["kind"].map(places.set_index("kind")["dose"]))
    return numbers


def _caption(
    evidence: Evidence, ablation: str, modes: Sequence[str], titles: Sequence[str], named: Sequence[str]
) -> str:
    """Say what the strips show."""
    null, reference = common_null(evidence), kind_in_text(evidence.reference)
    alone = len(named) == 1
    text = "Dose and response of " + (f"{kind_in_text(named[0])} networks" if alone else "every family of kinds")
    text += f" ({inputs_label(modes[0])} inputs)" if len(modes) == 1 else ""
    shown = []
    if _BEYOND in titles:
        shown.append(
            f"modularity of the split by {evidence.method}, less its mean on draws of the null model {null}, which "
            "every kind has (as by chance: 0)"
        )
    elif MODULARITY in titles:
        shown.append(f"modularity of the split by {evidence.method}")
    if ablation:
        split = "this split" if shown else f"the split by {evidence.method}"
        shown.append(f"accuracy that {split} costs (units of other tasks disabled: {ablation_label(ablation)})")
    shown += ["accuracy of whole networks"] if _ACCURACY in titles else []
    said = "; ".join(shown)
    seeds = between(dose_table(evidence)["n"].tolist())
    text += f". {said[:1].upper()}{said[1:]}; averaged over tasks. n = {seeds} seeds of each kind and input mode: each"
    text += f" seed is a point. Joined: their means with {INTERVAL}s ({CAVEAT}), which may reach beyond the axes."
    text += f" Grey: the {reference} networks, from the least to the largest, and their mean."
    source = dose_table(evidence)["examples"].iloc[0]
    text += (
        f" Hollow: the dose at equal accuracy, the strongest whose accuracy on {source} examples is at most {WITHIN} "
        "below."
    )
    different = " Doses of different families are numbers of different things: compare heights, not places."
    return text if alone else text + different
