"""What each kind of network keeps at equal accuracy: a table with intervals."""

from __future__ import annotations

import pandas as pd

from spatialgraph.escapes import markdown

from .doses import dose_text
from .evidence import DROP, Evidence, Row, records
from .fair import WITHIN, dose_table, lines
from .fair_comparisons import measures
from .labels import ablation_label, inputs_label, kind_in_text, kind_label
from .statistics import INTERVAL, interval_of_mean, over_seeds
from .wording import between, interval, markdown_table, number
from .worth import GRAPH_NULLS, MODULARITY

STRENGTH, Z = "strength", "z"
"""The share of the reference's total strength of the split layers; and z of the modularity beside a null model."""

KEPT_COLUMNS = ("inputs", "line", "kind", "symbol", "dose", "measure", "detail", "mean", "low", "high", "n")
"""The columns of ``kinds.csv``; detail is the ablation of a drop, or the null model of a z."""

_ORDER = ("accuracy", MODULARITY, DROP, Z, STRENGTH)
_KEY = ["inputs", "kind", "measure", "detail"]


def keeps(evidence: Evidence) -> pd.DataFrame:
    """Return what the reference and every line keep at equal accuracy: ``kinds.csv``.

    Measures are the accuracy of whole networks, the accuracy that the split by the main method costs under each
    ablation, its modularity, z of the modularity beside each null model, and the total strength of the split layers as
    a share of the mean of the reference.

    Returns:
        columns `KEPT_COLUMNS`: for each input mode and line a row for each measure, mean, low and high (see
        `interval_of_mean`) over n seeds; a line without a dose that is accurate enough has one row without a kind.
    """
    table = dose_table(evidence)
    chosen = table[table["equal_accuracy"] | (table["kind"] == evidence.reference)]
    values = pd.concat([_measured(evidence), _strength(evidence, table)], ignore_index=True)
    rows = []
    for group, own in values.groupby(_KEY, sort=False):
        numbers = own["value"].to_numpy(float)
        low, high = (float(end[0]) for end in interval_of_mean(numbers[None]))
        rows.append((*group, numbers.mean(), low, high, len(numbers)))
    means = pd.DataFrame(rows, columns=[*_KEY, "mean", "low", "high", "n"])
    kept = chosen[["inputs", "line", "kind", "symbol", "dose"]].merge(means, on=["inputs", "kind"], how="left")
    kept.loc[kept["kind"] == evidence.reference, "line"] = evidence.reference
    parts = [kept, _missing(evidence, table)]
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True).reindex(columns=list(KEPT_COLUMNS))
    order = {line: place for place, line in enumerate((evidence.reference, *lines(evidence)))}
    mode = {inputs: place for place, inputs in enumerate(evidence.results.inputs)}
    place = whole.assign(_mode=whole["inputs"].map(mode), _line=whole["line"].map(order))
    return whole.loc[place.sort_values(["_mode", "_line"], kind="stable").index].reset_index(drop=True)


def keeps_markdown(evidence: Evidence) -> str:
    """Return the table as Markdown, a part for each input mode."""
    table = keeps(evidence)
    known = table.dropna(subset="mean")
    columns = list(dict.fromkeys(zip(known["measure"], known["detail"], strict=True)))
    columns.sort(key=lambda column: _ORDER.index(column[0]) + _place(column[1]))  # equal ones stay in their order
    source = dose_table(evidence)["examples"].iloc[0]
    caption = (
        f"What kinds of network keep at equal accuracy: the strongest dose of each whose mean accuracy on {source} "
        f"examples is at most {WITHIN} below that of {kind_in_text(evidence.reference)} networks. Split method: "
        f"{evidence.method}; tasks are averaged; drop: accuracy that the split costs; strength: total of the split "
        f"layers, as a share of the reference's. Mean [{INTERVAL}] over {between(known['n'].astype(int).tolist())} "
        "seeds; –: no dose is accurate enough, or nothing is known."
    )
    parts = [markdown(caption)]
    for inputs in table["inputs"].unique():
        own = table[table["inputs"] == inputs]
        rows = [_line(line, part, columns) for line, part in own.groupby("line", sort=False)]
        head = ["kind", "dose", *(_title(*column) for column in columns)]
        parts += [f"**{markdown(inputs_label(inputs))}**", markdown_table(list(map(markdown, head)), rows)]
    return "\n\n".join(parts) + "\n"


def _place(null: str) -> float:
    """Return the place of a null model among the columns of z, below 1; 0 for whatever is none."""
    return GRAPH_NULLS.index(null) / len(GRAPH_NULLS) if null in GRAPH_NULLS else 0.0


def _line(line: object, rows: pd.DataFrame, columns: list[tuple[str, str]]) -> list[str]:
    """Return the cells of a line."""
    cells = {(str(row["measure"]), str(row["detail"])): _cell(row) for row in records(rows) if pd.notna(row["mean"])}
    dose = dose_text(str(rows["symbol"].iloc[0]), float(rows["dose"].iloc[0]))
    return [markdown(kind_label(str(line))), markdown(dose) or "–", *(cells.get(column, "–") for column in columns)]


def _cell(row: Row) -> str:
    """Return a mean with its interval; z with one decimal, as it is not known better."""
    if row["measure"] != Z:
        return interval(row["mean"], row["low"], row["high"])
    ends: str = "" if pd.isna(row["low"]) else f" [{number(row['low'], 1)}, {number(row['high'], 1)}]"
    return number(row["mean"], 1) + ends


def _title(measure: str, detail: str) -> str:
    if measure == DROP:
        return f"drop ({ablation_label(detail)})"
    return f"{measure} ({detail})" if detail else measure


def _measured(evidence: Evidence) -> pd.DataFrame:
    """Return the values of measures of splits and of whole networks, by seed, and z beside null models."""
    values = measures(evidence)
    plain = values[values["metric"].isin(["accuracy", DROP, MODULARITY])]
    plain = plain.rename(columns={"metric": "measure", "ablation": "detail"})
    rows = evidence.chances
    rows = rows[(rows["metric"] == MODULARITY) & (rows["split"] == evidence.method) & rows["null"].isin(GRAPH_NULLS)]
    named = rows.dropna(subset="z").assign(metric=rows["null"], value=rows["z"], task="")
    seeds = evidence.results.members[["network", "seed"]]
    own = over_seeds(named.drop(columns="null").merge(seeds)).rename(columns={"metric": "detail"}).assign(measure=Z)
    parts = [part[[*_KEY, "value"]] for part in (plain, own) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_KEY, "value"])


def _strength(evidence: Evidence, table: pd.DataFrame) -> pd.DataFrame:
    """Return the total strength of every network as a share of the mean of the reference's."""
    whole = table[table["kind"] == evidence.reference].set_index("inputs")["strength"]
    members = evidence.members.dropna(subset="strength")
    values = members["strength"] / members["inputs"].map(whole).astype(float)
    rows = members[["network", "kind", "inputs", "seed"]].assign(value=values)
    own = over_seeds(rows.assign(split="", ablation="", metric=STRENGTH)) if len(rows) else rows.assign(metric="")
    return own.rename(columns={"metric": "measure"}).assign(detail="")[[*_KEY, "value"]].dropna()


def _missing(evidence: Evidence, table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each line and input mode in which no dose is accurate enough."""
    others = table[table["kind"] != evidence.reference]
    allowed = others.groupby(["inputs", "line"], sort=False)["equal_accuracy"].any().reset_index()
    return allowed.loc[~allowed["equal_accuracy"], ["inputs", "line"]].assign(kind="", symbol="", measure="", detail="")
