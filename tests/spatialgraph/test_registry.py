import pytest

from spatialgraph.registry import Registry


@pytest.fixture
def colours():
    registry = Registry("colour")

    @registry.register("red", "warm")
    def red():
        """The colour of
        a tomato.

        Not of a lemon.
        """
        return "#f00"

    @registry.register("black", "none")
    def black():
        """The colour of night."""
        return "#000"

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
    def pink():
        """The colour of a rose."""

    with pytest.raises(ValueError, match=r"^there is a colour named 'red' already, in .*test_registry$"):
        colours.register("red", "warm")(pink)
    assert colours["red"]() == "#f00"


def test_a_function_that_is_defined_again_takes_its_own_place(colours):
    def define(value):
        @colours.register("green", value)
        def green():
            """The colour of grass."""
            return value

    define("first")
    define("second")
    assert (colours["green"](), colours.facts("green")) == ("second", "second")
    assert list(colours) == ["red", "black", "green"]


def test_facts_are_what_was_registered(colours):
    assert (colours.facts("red"), colours.facts("black")) == ("warm", "none")
    with pytest.raises(ValueError, match=r"^unknown colour 'blue'; known: red, black$"):
        colours.facts("blue")


def test_what_is_forgotten_is_unknown(colours):
    colours.forget("red")
    assert list(colours) == ["black"]
    with pytest.raises(ValueError, match="unknown colour 'red'"):
        colours.facts("red")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "a/b", "-a", "é", "a\n", 3])
def test_a_name_can_be_named_on_a_command_line(colours, name):
    with pytest.raises(ValueError, match=r"expected a name of letters, digits, '\.', '-' and '_'$"):
        colours.register(name, None)


def test_a_function_has_the_parameters_of_its_registry_and_says_what_it_does():
    registry = Registry("shape", ("width", "height"))

    def flat(width):
        """A line."""

    def silent(width, height):
        pass

    def box(width, height, depth=1):
        """A box."""

    with pytest.raises(
        ValueError,
        match=r"^shape 'flat': expected a function whose first parameters are width, height, found width$",
    ):
        registry.register("flat", None)(flat)
    with pytest.raises(ValueError, match=r"^shape 'silent': expected a docstring, .*, found none$"):
        registry.register("silent", None)(silent)
    with pytest.raises(ValueError, match=r"^shape 'number': expected a function, found a int$"):
        registry.register("number", None)(3)
    assert registry.register("box", None)(box) is box
    assert list(registry) == ["box"]


def test_the_summary_is_the_first_sentence_of_the_docstring(colours):
    assert colours.summary("red") == "The colour of a tomato."
    assert colours.summary("black") == "The colour of night."


def test_select_checks_names_keeps_their_order_and_drops_repetitions(colours):
    assert colours.select(None) == ["red", "black"]
    assert colours.select(["black", "red", "black"]) == ["black", "red"]
    assert colours.select([]) == []
    with pytest.raises(ValueError, match="unknown colour 'blue'"):
        colours.select(["red", "blue"])
