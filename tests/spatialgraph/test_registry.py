import pytest

from spatialgraph.registry import Registry


@pytest.fixture
def colours():
    registry = Registry("colour")

    @registry.register("red")
    def red():
        """The colour of
        a tomato.

        Not of a lemon.
        """
        return "#f00"

    registry.register("black")(lambda: "#000")
    return registry


def test_a_registry_is_a_mapping_in_the_order_of_registration(colours):
    assert list(colours) == ["red", "black"]
    assert len(colours) == 2
    assert colours["red"]() == "#f00"
    assert "red" in colours
    assert "blue" not in colours


def test_an_unknown_name_is_refused_with_those_that_are_known(colours):
    with pytest.raises(ValueError, match=r"^unknown colour 'blue'; known: red, black$"):
        colours["blue"]


def test_a_name_is_registered_once(colours):
    with pytest.raises(ValueError, match=r"^there is a colour named 'red' already$"):
        colours.register("red")(print)


def test_the_summary_is_the_first_sentence_of_the_docstring(colours):
    assert colours.summary("red") == "The colour of a tomato."
    assert colours.summary("black") == ""


def test_select_checks_names_keeps_their_order_and_drops_repetitions(colours):
    assert colours.select(None) == ["red", "black"]
    assert colours.select(["black", "red", "black"]) == ["black", "red"]
    assert colours.select([]) == []
    with pytest.raises(ValueError, match="unknown colour 'blue'"):
        colours.select(["red", "blue"])
