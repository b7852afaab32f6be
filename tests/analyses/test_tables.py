"""Tables: their numbers worked out by hand, and their text."""

import io
import itertools
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from results_builder import build_results

from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.latex import TEXT_WIDTH, latex
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.tables import (
    all_tables,
    csv,
    default_method,
    markdown,
    methods_table,
    table_one,
    write_tables,
)
from spatialgraph.notes import Note


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
        "Accuracy on held-out examples before and after the split (method: greedy; units of other tasks disabled: "
        "activation = 0), averaged over tasks. Mean ± sample standard deviation over 1 to 2 seeds.",
        "",
        "|  | Mixing, regular | Mixing, spatial |",
        "| --- | ---: | ---: |",
        "| Full network | 0.500 | 0.750 ± 0.141 |",
        "| Split network | 0.500 | 0.500 ± 0.354 |",
        "| Accuracy drop | 0.000 | 0.250 ± 0.212 |",  # -0.0004 has no sign left
        "",
        "Nothing is bold: too few seeds for a test.",
    ]


def test_latex_is_a_float_of_booktabs():
    assert latex(table_one(TWO_SEEDS, "zero")).splitlines() == [
        r"% \usepackage{booktabs}",
        r"\begin{table}[htbp]",
        r"  \centering\small\setlength{\tabcolsep}{3pt}",
        r"  \caption{Accuracy on held-out examples before and after the split (method: greedy; units of other tasks "
        r"disabled: activation = 0), averaged over tasks. Mean $\pm$ sample standard deviation over 1 to 2 seeds."
        r"}\vskip 4pt",
        r"  \label{tab:table1-zero}",
        r"  \begin{tabular}{@{}lcc@{}}",
        r"    \toprule",
        r"    & \multicolumn{2}{c}{Mixing} \\",
        r"    \cmidrule(lr){2-3}",
        r"    & Regular & Spatial \\",
        r"    \midrule",
        r"    Full network & $0.500$ & $0.750\,{\scriptstyle\pm.141}$ \\",
        r"    Split network & $0.500$ & $0.500\,{\scriptstyle\pm.354}$ \\",
        r"    Accuracy drop & $0.000$ & $0.250\,{\scriptstyle\pm.212}$ \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"  \par\smallskip",
        r"  \begin{minipage}{\linewidth}\footnotesize Nothing is bold: too few seeds for a test.\end{minipage}",
        r"\end{table}",
    ]


def seeds_of(drops, methods=("greedy",), kinds=("regular", "spatial"), inputs="mix"):
    """Return rows of six seeds: the accuracy of each is 0.9, and `drops` gives what each split costs."""
    rows = []
    for seed, kind in itertools.product(range(6), kinds):
        name = f"{inputs}-{kind}-{seed}"
        rows.append((name, kind, inputs, "none", "", "accuracy", 0, 0.9))
        for method in methods:
            drop = drops[kind, method] + 0.002 * seed * (kind == "spatial")
            rows.append((name, kind, inputs, method, "zero", "accuracy", 0, 0.9 - drop))
            rows.append((name, kind, inputs, method, "zero", "accuracy-drop", 0, drop))
    return rows


def with_seeds(rows):
    results = results_of(rows)
    seeds = results.scores["network"].str.rsplit("-", n=1).str[1].astype("Int64")
    return replace(results, scores=results.scores.assign(seed=seeds))


def test_the_best_cell_is_bold_where_a_corrected_test_tells_it_from_the_reference():
    results = with_seeds(seeds_of({("regular", "greedy"): 0.3, ("spatial", "greedy"): 0.01}))
    table = table_one(results, "zero")
    # Of 6 seeds the least p is 2/64, below 0.05 for a single comparison.
    assert table.best == {("", "Split network", "mix", "spatial"), ("", "Accuracy drop", "mix", "spatial")}
    assert r"& $\mathbf{0.015}\,{\scriptstyle\pm.004}$ \\" in latex(table)
    assert "| Accuracy drop | 0.300 ± 0.000 | **0.015 ± 0.004** |" in markdown(table)
    assert "Bold: the best, where it differs from regular (p ≤ 0.05 by sign flips, paired by seed" in markdown(table)
    worse = table_one(with_seeds(seeds_of({("regular", "greedy"): 0.01, ("spatial", "greedy"): 0.3})), "zero")
    assert worse.best == {("", row, "mix", "regular") for row in ("Split network", "Accuracy drop")}
    same = table_one(with_seeds(seeds_of({("regular", "greedy"): 0.305, ("spatial", "greedy"): 0.3})), "zero")
    assert same.best == frozenset()
    assert same.notes[0] == "Nothing is bold: nothing is told apart from regular."


def test_the_best_method_is_bold_and_controls_are_not():
    drops = {(kind, method): drop for kind in ("regular",) for method, drop in (("greedy", 0.2), ("leiden", 0.1))}
    rows = seeds_of(drops | {("regular", "random"): 0.0}, ("greedy", "leiden", "random"), ("regular",))
    rows = [(*row[:-1], row[-1] + 0.001 * (row[0][-1] == "3") * (row[3] == "leiden")) for row in rows]
    table = methods_table(with_seeds(rows), "zero")
    assert table.best == {("Accuracy drop", "leiden", "mix", "regular")}
    assert table.notes[0].endswith("Modularity and cut are not marked: some methods optimise them.")


def test_degenerate_splits_and_missing_scores_are_marked_and_explained(built):
    name = "mix-spatial-1"
    wrong = replace(built.splits[name]["greedy"], notes=(Note("degenerate", {"reason": "by hand"}),))
    results = replace(built, splits={**built.splits, name: {**built.splits[name], "greedy": wrong}})
    table = table_one(results, "zero")
    assert {key[1:] for key in table.degenerate} == {
        (row, "mix", "spatial") for row in ("Split network", "Accuracy drop")
    }
    marked = [line for line in markdown(table).splitlines() if "†" in line]
    assert [line.count("†") for line in marked] == [1, 1, 1]
    assert marked[-1].startswith("Nothing is bold")
    assert "†: some splits are degenerate, no task modules" in marked[-1]
    assert latex(table).count(r"^{\dagger}$") == 2
    assert pd.read_csv(io.StringIO(csv(table)))["degenerate"].sum() == 2
    assert "Other ablations, in tables of their own: incoming weights = 0 and activation = mean." in table.notes
    few = methods_table(TWO_SEEDS, "zero")
    assert few.notes[-1] == "–: no score, as the method does not apply or the measure is of partitions alone."


def test_columns_that_do_not_fit_follow_in_floats_of_their_own():
    rows = []
    for inputs, kind in itertools.product(("concatenate", "mix", "sequential"), ("regular", "spatial", "l1", "l2")):
        rows += accuracies(f"{inputs}-{kind}-0", kind, (0.5, 0.5), (0.25, 0.25), inputs=inputs)
        rows += accuracies(f"{inputs}-{kind}-1", kind, (0.5, 0.25), (0.25, 0.5), inputs=inputs)
    text = latex(table_one(results_of(rows), "zero"))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    assert r"\caption{Table~\ref{tab:table1-zero}, continued.}" in text
    assert r"\label{tab:table1-zero-2}" in text
    heads = [line.count(r"\multicolumn") for line in text.splitlines() if r"\multicolumn{4}{c}" in line]
    assert heads == [1, 1, 1]
    assert text.count("Nothing is bold") == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here: Debian's texlive-latex-recommended")
def test_latex_compiles_and_fits_the_width_of_a_text(built, tmp_path):
    kinds = ["regular", "spatial α=10 β=3", "my_own & best", "l1", "clusterability κ=0.03"]
    rows = []
    for inputs, kind in itertools.product(("concatenate", "mix", "100 % mine"), kinds):
        for seed in (0, 1):
            rows += accuracies(f"{inputs}-{kind}-{seed}", kind, (0.5, 0.5 - seed / 4), (0.9, 0.9), inputs=inputs)
    tables = [*all_tables(built), *all_tables(results_of(rows))]
    body = "\n\\clearpage\n".join(
        latex(replace(table, name=f"{table.name}-{place}")) for place, table in enumerate(tables)
    )
    text = rf"\documentclass{{article}}\usepackage{{booktabs}}\setlength{{\textwidth}}{{{TEXT_WIDTH}pt}}"
    (tmp_path / "all.tex").write_text(f"{text}\n\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    log = (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 10_000
    assert "Overfull" not in log, [line for line in log.splitlines() if "Overfull" in line]
    assert "Float too large" not in log


def test_csv_has_the_numbers_in_full():
    frame = pd.read_csv(io.StringIO(csv(table_one(TWO_SEEDS, "zero"))))
    assert list(frame.columns) == ["inputs", "kind", "row", "mean", "sd", "n", "degenerate"]
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
    assert r"    \midrule" + "\n" + r"    \multicolumn{3}{@{}l}{\emph{Cut}} \\" in tex
    assert r"    100\%\_cut & -- & $0.125$ \\" in tex
    assert csv(table).splitlines()[0] == "measure,inputs,kind,row,mean,sd,n,degenerate"


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
        for piece in text.split(r"\begin{tabular}{@{}l")[1:]:
            columns = piece.split("@{}}")[0]
            rows = [line for line in piece.splitlines() if line.endswith(r" \\") and r"\multicolumn" not in line]
            assert {line.count("&") for line in rows} == {len(columns)}


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
