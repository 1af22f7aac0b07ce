"""The ledger as it is: every verdict is the stored one, every row has its number, the table is readable."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from rich.cells import cell_len

from refvi import derivations
from refvi.derivations import ledger

CLAIMS = ledger.all_claims()


@pytest.fixture(scope="module")
def rows():
    return ledger.rows()


def test_every_verdict_is_the_stored_one(rows):
    assert {r["id"]: r["verdict"] for r in rows} == {c.id: c.expected for c in CLAIMS}
    assert all(r["verdict"] in ledger.VERDICTS for r in rows)


def test_the_first_document_is_there(rows):
    d1 = [r for r in rows if r["source"] == "001_1edff1214b9d7604.txt"]
    counts = Counter(r["verdict"] for r in d1)
    assert len(d1) >= 45
    assert counts["wrong"] >= 7
    assert counts["misprint"] >= 4
    assert counts["depends"] >= 8
    verdicts = {r["id"]: r["verdict"] for r in d1}
    assert verdicts["d1.eq-elbo-identity"] == "holds"
    assert verdicts["d1.eq-kl-closed-form"] == "wrong"
    assert verdicts["d1.eq-usual-approach"] == "wrong"


def test_rows_are_whole(rows):
    for row in rows:
        assert tuple(row) == ledger.KEYS
        assert re.search(r"\d", row["evidence"]), row
        assert (row["corrected"] is not None) == (row["verdict"] in ("misprint", "wrong")) or row[
            "verdict"
        ] == "settled"
        assert row["derivation"] is None or row["derivation"] in derivations.names()
        assert re.fullmatch(r"d\d\.[a-z0-9-]+", row["id"])
    json.dumps(rows, allow_nan=False)


def test_the_table_wraps_at_its_width(rows):
    text = ledger.render_ledger(rows, width=100)
    assert max(cell_len(line) for line in text.splitlines()) <= 100
    for row in rows:
        assert row["id"] in text
        assert f"│ {row['verdict']:<8} │" in text
    assert text.splitlines()[-1].startswith(f"{len(rows)} claims: ")


def test_names_are_listed_without_heavy_imports():
    code = (
        "import sys; from refvi import derivations; from refvi.derivations import ledger; "
        "derivations.names(); ledger.all_claims(); "
        "print([m for m in ('numba', 'scipy', 'rich', 'hypothesis', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_every_chain_file_is_found():
    from refvi import derivations
    from refvi.derivations import chains

    derivations.all_derivations()
    files = {p.stem for p in __import__("pathlib").Path(chains.__path__[0]).glob("*.py")} - {"__init__"}
    assert {"s1_elbo", "s1_kl", "s21_gradients", "s3_iwae"} <= files
    for file in files:
        assert f"refvi.derivations.chains.{file}" in sys.modules
