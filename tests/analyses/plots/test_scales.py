"""Labels of logarithmic axes, in plain text."""

from matplotlib.figure import Figure

from spatialgraph.analyses import plots
from spatialgraph.analyses.plots.scales import PowersOfTen


def test_powers_of_ten():
    formatter = PowersOfTen()
    values = (1e-3, 1, 10, 2e-5, 300, 1e12, 0)
    assert [formatter(x) for x in values] == ["10⁻³", "10⁰", "10¹", "2×10⁻⁵", "3×10²", "10¹²", "0"]


def test_axes_of_one_decade_have_labels_too():
    ax = Figure().subplots()
    ax.set(yscale="log", ylim=(2, 30))
    plots.powers(ax.yaxis)
    ax.figure.draw_without_rendering()
    labels = [text.get_text() for text in ax.get_yticklabels(which="both")]
    assert "10¹" in labels
    assert "2×10¹" in labels
    assert not any("$" in label for label in labels)
