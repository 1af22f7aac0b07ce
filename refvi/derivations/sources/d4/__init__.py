"""D4, `004_12a21cd206fc9263.txt`: latent variable models, EM, variational EM, SVI, auto-encoders, sentence by sentence.

The document has no section numbers: its headings stand for them. Read as printed: p(z|x; λ) is the generative model's
posterior with λ in the place of θ; (n) and N are what they are in each formula; > is strict.
Not claims: what is too expensive, key, flexible or interesting, and the pointer to a tutorial.
"""

from refvi.derivations.sources.d4 import (
    part_1_tractable,
    part_2_em,
    part_3_intractable,
    part_4_variational_em,
    part_5_deep_inference,
)
from refvi.derivations.sources.d4.document import D4 as SOURCE

__all__ = [
    "SOURCE",
    "part_1_tractable",
    "part_2_em",
    "part_3_intractable",
    "part_4_variational_em",
    "part_5_deep_inference",
]
