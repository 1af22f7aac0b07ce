"""The document D2 as a source of claims; its sections are the other files of this folder."""

from refvi.derivations.claim import Source

D2 = Source("002_a19c03d39c9cbd08.txt", prefix="d2", system="S1")
