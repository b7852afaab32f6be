"""Tables: their numbers worked out by hand, and their text."""

import io
import math
from pathlib import Path

import pandas as pd
import pytest
from results_builder import build_results

from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.tables import (
    all_tables,
    csv,
    default_method,
    latex,
    markdown,
    methods_table,
    table_one,
    write_tables,
)


def results_of(rows):
    """Return results of rows (network, kind, inputs, split, ablation, metric, task, value), without files."""
    full = [("run", network, kind, inputs, 0, *rest) for network, kind, inputs, *rest in rows]
    scores = pd.DataFrame(full, columns=list(COLUMNS)).astype({"seed": "Int64"})
    return Results(Path("results"), scores, {}, Path("run"))


def accuracies(network, kind, full, split, inputs="mix", ablation="zero"):
    """Return the scores of one network whose two tasks have these accuracies before and after a greedy split."""
    rows = [(network, kind, inputs, "none", "", "accuracy", task, full[task]) for task in (0, 1)]
    for task in (0, 1):
        rows.append((network, kind, inputs, "greedy", ablation, "accuracy", task, split[task]))
        rows.append((network, kind, inputs, "greedy", ablation, "accuracy-drop", task, full[task] - split[task]))
    return rows


TWO_SEEDS = results_of(
    [
        *accuracies("a", "spatial", (0.9, 0.8), (0.8, 0.7)),  # means 0.85, 0.75; drop 0.1
        *accuracies("b", "spatial", (0.7, 0.6), (0.3, 0.2)),  # means 0.65, 0.25; drop 0.4
        *accuracies("c", "regular", (0.5, 0.5), (0.5004, 0.5004)),  # drop -0.0004
        ("a", "spatial", "mix", "greedy", "", "modularity", "", 0.5),
        ("b", "spatial", "mix", "greedy", "", "modularity", "", 0.3),
        ("a", "spatial", "mix", "100%_cut", "", "cut", "", 0.125),
    ]
)


def cell(table, row, kind, block=""):
    numbers = table.numbers
    found = numbers[(numbers["row"] == row) & (numbers["kind"] == kind) & (numbers["block"] == block)]
    return tuple(found[["mean", "sd", "n"]].iloc[0])


def test_means_and_sample_deviations_over_networks_of_the_mean_over_tasks():
    table = table_one(TWO_SEEDS, "zero")
    assert cell(table, "Full network", "spatial") == pytest.approx((0.75, 0.2 / math.sqrt(2), 2))
    assert cell(table, "Split network", "spatial") == pytest.approx((0.5, 0.5 / math.sqrt(2), 2))
    assert cell(table, "Accuracy drop", "spatial") == pytest.approx((0.25, 0.3 / math.sqrt(2), 2))
    mean, deviation, count = cell(table, "Full network", "regular")
    assert (mean, count) == (0.5, 1)
    assert math.isnan(deviation)


def test_markdown():
    assert markdown(table_one(TWO_SEEDS, "zero")).splitlines() == [
        "Accuracy on held-out examples before and after the split (method: greedy; neurons of other tasks disabled: "
        "activation = 0), averaged over tasks. Mean ± sample standard deviation over 1 to 2 seeds.",
        "",
        "|  | Mixing, regular | Mixing, spatial |",
        "| --- | ---: | ---: |",
        "| Full network | 0.500 | 0.750 ± 0.141 |",
        "| Split network | 0.500 | 0.500 ± 0.354 |",
        "| Accuracy drop | 0.000 | 0.250 ± 0.212 |",  # -0.0004 has no sign left
    ]


def test_latex():
    assert latex(table_one(TWO_SEEDS, "zero")).splitlines() == [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering\small",
        r"  \caption{Accuracy on held-out examples before and after the split (method: greedy; neurons of other tasks "
        r"disabled: activation = 0), averaged over tasks. Mean $\pm$ sample standard deviation over 1 to 2 seeds.}",
        r"  \label{tab:table1-zero}",
        r"  \begin{tabular}{lcc}",
        r"    \toprule",
        r"    & \multicolumn{2}{c}{Mixing} \\",
        r"    \cmidrule(lr){2-3}",
        r"    & Regular & Spatial \\",
        r"    \midrule",
        r"    Full network & $0.500$ & $0.750 \pm 0.141$ \\",
        r"    Split network & $0.500$ & $0.500 \pm 0.354$ \\",
        r"    Accuracy drop & $0.000$ & $0.250 \pm 0.212$ \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]


def test_csv_has_the_numbers_in_full():
    frame = pd.read_csv(io.StringIO(csv(table_one(TWO_SEEDS, "zero"))))
    assert list(frame.columns) == ["inputs", "kind", "row", "mean", "sd", "n"]
    drop = frame[(frame["kind"] == "spatial") & (frame["row"] == "Accuracy drop")].iloc[0]
    assert drop["mean"] == pytest.approx(0.25, abs=1e-15)
    assert drop["sd"] == pytest.approx(0.3 / math.sqrt(2), abs=1e-15)
    assert frame.loc[frame["kind"] == "regular", "sd"].isna().all()


def test_methods_table_has_blocks_and_marks_cells_without_a_score():
    table = methods_table(TWO_SEEDS, "zero")
    assert cell(table, "greedy", "spatial", "Modularity") == pytest.approx((0.4, 0.2 / math.sqrt(2), 2))
    assert cell(table, "100%_cut", "spatial", "Cut")[:1] == (0.125,)
    text = markdown(table)
    assert "| **Modularity** |  |  |\n| greedy | – | 0.400 ± 0.141 |\n" in text
    assert r"| 100%\_cut | – | 0.125 |" in text
    tex = latex(table)
    assert r"    \midrule" + "\n" + r"    \multicolumn{3}{l}{\emph{Cut}} \\" in tex
    assert r"    100\%\_cut & -- & $0.125$ \\" in tex
    assert csv(table).splitlines()[0] == "measure,inputs,kind,row,mean,sd,n"


def test_columns_are_in_the_order_of_the_paper_then_of_the_alphabet():
    rows = [
        *accuracies("1", "spatial", (1, 1), (1, 1), inputs="other"),
        *accuracies("2", "spatial", (1, 1), (1, 1), inputs="sequential"),
        *accuracies("3", "brainy", (1, 1), (1, 1), inputs="concatenate"),
        *accuracies("4", "spatial", (1, 1), (1, 1), inputs="concatenate"),
        *accuracies("5", "regular", (1, 1), (1, 1), inputs="concatenate"),
    ]
    table = table_one(results_of(rows), "zero")
    assert table.groups == [
        ("concatenate", ["regular", "spatial", "brainy"]),
        ("sequential", ["spatial"]),
        ("other", ["spatial"]),
    ]
    tex = latex(table)
    assert r"\multicolumn{3}{c}{Concatenation} & \multicolumn{1}{c}{Sequential} & \multicolumn{1}{c}{other}" in tex
    assert r"\cmidrule(lr){2-4} \cmidrule(lr){5-5} \cmidrule(lr){6-6}" in tex


def test_a_grid_of_settings_has_a_column_for_each_kind():
    rows = [
        *accuracies("1", "spatial α=10 β=3", (1, 1), (0.5, 0.5)),
        *accuracies("2", "spatial α=2 β=3", (0.5, 0.5), (1, 1)),
        *accuracies("3", "regular", (1, 1), (1, 1)),
    ]
    table = table_one(results_of(rows), "zero")
    assert cell(table, "Full network", "spatial α=2 β=3")[:1] == (0.5,)
    assert "|  | Mixing, regular | Mixing, spatial α=2 β=3 | Mixing, spatial α=10 β=3 |" in markdown(table)
    assert r"& Regular & Spatial $\alpha$=2 $\beta$=3 & Spatial $\alpha$=10 $\beta$=3 \\" in latex(table)


def test_unknown_choices_are_one_line():
    with pytest.raises(ValueError, match=r"scores\.csv: expected an ablation") as error:
        table_one(TWO_SEEDS, "lesion")
    assert str(error.value).endswith("that was scored (zero), found 'lesion'")
    with pytest.raises(ValueError, match=r"split method that was scored \(greedy, 100%_cut\), found 'louvain'"):
        table_one(TWO_SEEDS, "zero", "louvain")


def test_without_a_split_there_is_no_table_one():
    whole = results_of([("a", "spatial", "mix", "none", "", "accuracy", 0, 0.5)])
    assert list(all_tables(whole)) == []


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return Results.load(build_results(folder, inputs=("mix", "concatenate", "sequential"), seeds=(0, 1, 2)))


def test_every_table_is_written_three_times(built, tmp_path):
    names = {path.name for path in write_tables(built, tmp_path / "new")}
    tables = [f"{table}-{ablation}" for table in ("table1", "methods") for ablation in ("zero", "incoming", "mean")]
    assert names == {f"{table}.{ending}" for table in tables for ending in ("md", "tex", "csv")}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names


def test_latex_is_balanced(built):
    for table in all_tables(built):
        text = latex(table)
        assert text.count("{") == text.count("}")
        columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
        rows = [line for line in text.splitlines() if line.endswith(r" \\") and r"\multicolumn" not in line]
        assert {line.count("&") for line in rows} == {len(columns) - 1}


def test_a_table_of_one_seed_has_no_deviations(tmp_path):
    table = table_one(Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,))), "zero")
    assert table.spread == "One seed."
    assert "±" not in markdown(table)
    assert r"\pm" not in latex(table)


def test_tables_on_disk_are_of_the_method_asked_for(tmp_path):
    method = TWO_SEEDS.methods[-1]
    assert method == "100%_cut" != default_method(TWO_SEEDS)
    write_tables(TWO_SEEDS, tmp_path, method)
    assert r"(method: 100%\_cut;" in (tmp_path / "table1-zero.md").read_text()
