"""Results that the tests of figures share, and every figure of them."""

import pandas as pd
import pytest
from results_builder import build_results

from spatialgraph.analyses.figures import FIGURES, drawings
from spatialgraph.analyses.results import Results


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    return Results.load(build_results(tmp_path_factory.mktemp("built"), more=True, draws=10, moments=4))


@pytest.fixture(scope="session")
def drawn(results):
    """Every figure by name, each a list of drawings."""
    return {name: drawings(results, name) for name in FIGURES}


@pytest.fixture(scope="session")
def made(drawn):
    """Every drawing by name."""
    return {drawing.name: drawing for drawings in drawn.values() for drawing in drawings}


@pytest.fixture(scope="session")
def grid(tmp_path_factory):
    """Return results of regular networks, and of spatial ones of two settings, two seeds of each."""
    folder = build_results(
        tmp_path_factory.mktemp("grid"),
        inputs=("mix", "concatenate"),
        seeds=range(4),
        ablations=("zero", "incoming"),
        more=True,
        draws=6,
        moments=3,
    )
    for name in ("scores", "agreement", "nulls"):
        frame = pd.read_csv(folder / f"{name}.csv", keep_default_na=False)
        of_seed = frame["seed"].map(lambda seed: ("spatial α=2 β=3", "spatial α=10 β=3")[seed % 2])
        named = frame.assign(kind=frame["kind"].where(frame["kind"] == "regular", of_seed))
        named.to_csv(folder / f"{name}.csv", index=False)
    return Results.load(folder)
