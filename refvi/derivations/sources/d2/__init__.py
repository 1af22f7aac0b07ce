"""D2, `002_a19c03d39c9cbd08.txt`: variational auto-encoder, wake-sleep, IWAE, Markov chains, sentence by sentence.

Read as printed: z_i, z^i are the i-th draw, L_k the bound with k draws, an unbound index is what the text leaves it.
A row "eq-..." is one displayed relation between neighbours; = between two maxima is an equation between their values.
Not claims: what is easy, simple, expensive or wasteful, and the headings 2.2.2 and 2.3, under which nothing stands.
"""

from refvi.derivations.sources.d2 import (
    section_1_1_1,
    section_1_1_2,
    section_1_1_2_sleep,
    section_1_1_3,
    section_1_1_4,
    section_2,
)
from refvi.derivations.sources.d2.document import D2 as SOURCE

__all__ = [
    "SOURCE",
    "section_1_1_1",
    "section_1_1_2",
    "section_1_1_2_sleep",
    "section_1_1_3",
    "section_1_1_4",
    "section_2",
]
