"""How names, and other text of files, are shown as they are, whatever is in them: one rule for each output.

A name may look like a command of a terminal, like Markdown, or like a formula of a spreadsheet.
"""

from __future__ import annotations

import re
from unicodedata import category

_HIDDEN = {"Cc", "Cs", "Zl", "Zp"}
_NOT_IN_XML = "\ufffe\uffff"  # besides control characters and surrogates

_MARKDOWN = re.compile(r"[\\|*_`<>\[~#&$]")
_MARKDOWN_START = re.compile(r"^(\d*)([-+=.)])(?=[\s\-+=]|$)")  # of an item of a list, of a line under a heading

# What spreadsheets take for a formula; one that has apostrophes before it already gets another.
_FORMULA = re.compile(r"'*[=+\-@]")
# Numbers, as many as there are between blanks: they do no harm, and are to be read as they are.
_NUMBERS = re.compile(r"[+-]?\d[\d.]*(e[+-]?\d+)?( [+-]?\d[\d.]*(e[+-]?\d+)?)*")


def is_hidden(character: str) -> bool:
    r"""Return whether a character is none that people see and XML can hold.

    These are control characters, separators of lines and of paragraphs, lone surrogates, U+FFFE and U+FFFF.

    Example:
        >>> is_hidden("\x1b"), is_hidden("é")
        (True, False)
    """
    return category(character) in _HIDDEN or character in _NOT_IN_XML


def plain(text: str) -> str:
    r"""Return text with hidden characters written out, as Python does: what a terminal shows, and takes no orders from.

    Example:
        >>> print(plain("red\x1b[31m\n"), plain("α [red]"))
        red\x1b[31m\n α [red]
    """
    if text.isprintable():
        return text
    return "".join(repr(character)[1:-1] if is_hidden(character) else character for character in text)


def markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is, in a sentence, at the start of a line or in a cell of a table.

    Example:
        >>> print(markdown("my_net | [a](b) <i>"), markdown("- not an item"), markdown("spatial α=0.5"))
        my\_net \| \[a](b) \<i\> \- not an item spatial α=0.5
    """
    return _MARKDOWN_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\g<0>", plain(text)))


def latex(text: str) -> str:
    r"""Return text that LaTeX shows as it is.

    Example:
        >>> print(latex("5 % of a_b ± 1, α=2"))
        5 \% of a\_b $\pm$ 1, $\alpha$=2
    """
    return "".join(LATEX.get(character, character) for character in plain(text))


_GREEK = {
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta"},
    **{"ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma"},
    **{"τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega"},
}
LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"−": "$-$", "≤": r"$\le$", "†": r"$\dagger$", "–": "--"},  # of this program's own texts
    **{"±": r"$\pm$", "×": r"$\times$", "<": r"\textless{}", ">": r"\textgreater{}"},
    **{letter: rf"$\{name}$" for letter, name in _GREEK.items()},  # settings in kinds of networks
}
"""The characters that LaTeX does not show as they are, and what shows each."""


def cell(text: str) -> str:
    """Return text as a cell of CSV, which no spreadsheet takes for a formula; `uncell` gives the text again.

    Numbers stay as they are.

    Example:
        >>> cell("=1+1"), cell("'=1+1"), cell("a=1"), cell("-0.5 -1e-05"), uncell("'=1+1")
        ("'=1+1", "''=1+1", 'a=1', '-0.5 -1e-05', '=1+1')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def uncell(text: str) -> str:
    """Return the text that a cell of CSV stands for; see `cell`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
