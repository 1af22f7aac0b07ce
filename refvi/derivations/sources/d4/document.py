"""The document D4 as a source of claims; its sections are the other files of this folder."""

from refvi.derivations.claim import Source

D4 = Source("004_12a21cd206fc9263.txt", prefix="d4", system="S5")
