"""Tests of derivations and of the ledger of the sources."""
