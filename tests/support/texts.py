"""Texts that Hypothesis draws."""

from hypothesis import strategies as st

CHARACTERS = st.characters(exclude_categories=["Cs"])
"""All that UTF-8 can encode: what `strategies.text` draws by default, which takes a second to find it out."""
