"""D0, `000_3368c8debc30789d.txt`: gradient-based inference for discrete latents, sentence by sentence.

Read as printed: μ^h is the prior's parameter in Eq 2 and q's own in Eq 4; rows say which reading they take. q and q~ are
one distribution unless a row says otherwise. An arg max over μ is taken over products of Bernoulli distributions.
The two questions that the document marks "need to check" are `eq-4-arg-max` and `eq-5-order`.
Not claims: what is expensive, rather straightforward, an issue.
"""

from refvi.derivations.sources.d0 import section_1, section_1_1, section_1_1_start, section_1_2
from refvi.derivations.sources.d0.document import D0 as SOURCE

__all__ = ["SOURCE", "section_1", "section_1_1", "section_1_1_start", "section_1_2"]
