"""Results that the tests of figures share, and every figure of them."""

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
