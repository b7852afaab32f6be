"""Results that the tests of figures share, and every figure of them."""

from functools import cache

import pandas as pd
import pytest
from results_builder import build_results
from swept_results import DOSES, FAMILIES, OF_SWEEPS, write_swept_results

from spatialgraph.analyses.figures import FIGURES, drawings
from spatialgraph.analyses.results import Results


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    return Results.load(build_results(tmp_path_factory.mktemp("built"), more=True, draws=10, moments=4))


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """Return results of thirteen families of kinds at five doses, in two input modes; without files of networks."""
    folder = tmp_path_factory.mktemp("swept")
    asked = {"families": tuple(FAMILIES), "doses": DOSES, "seeds": 5, "inputs": ("mix", "sequential")}
    return Results.load(write_swept_results(folder, **asked))


@pytest.fixture(scope="session")
def drawn(request):
    """Return what gives the drawings of a figure, made when first asked for: of few kinds, or of a sweep's doses."""
    return cache(lambda name: drawings(request.getfixturevalue("swept" if name in OF_SWEEPS else "results"), name))


@pytest.fixture(scope="session")
def made(drawn):
    """Every drawing by name."""
    return {drawing.name: drawing for name in FIGURES for drawing in drawn(name)}


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
