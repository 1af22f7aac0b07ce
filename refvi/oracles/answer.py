"""The result of an oracle: a number, how large its terms are, and how far it may be off."""

from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What an oracle found; the three fields have the same structure.

    value      the answer
    magnitude  S, the sum of the absolute terms: rounding moves value by a few u·S, u = 2^-53
    error      estimate of the method's own error (quadrature, differences); 0 for exact sums
    """

    value: Any
    magnitude: Any
    error: Any = 0.0
