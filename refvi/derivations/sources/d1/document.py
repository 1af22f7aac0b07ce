"""The document D1 as a source of claims; its sections are the other files of this folder."""

from refvi.derivations.claim import Source

D1 = Source("001_1edff1214b9d7604.txt", prefix="d1", system="S1")
