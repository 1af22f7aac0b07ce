"""The document D0 as a source of claims; its sections are the other files of this folder."""

from refvi.derivations.claim import Source

D0 = Source("000_3368c8debc30789d.txt", prefix="d0", system="S0")
