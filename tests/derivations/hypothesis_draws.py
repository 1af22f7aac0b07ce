"""Small models drawn by Hypothesis, so that a failing model shrinks."""

from hypothesis import strategies as st

from refvi.derivations.draw import Draws


@st.composite
def models(draw, make):
    """A model made by `make(draws)`."""
    return make(Draws(lambda low, high: draw(st.integers(low, high))))
