"""Every law that is scheduled on CUDA, under the CUDA simulator: one process, because the simulator is chosen at import."""

import json
import os
import subprocess
import sys
import textwrap

SCRIPT = """
    import importlib, json, pkgutil
    import refvi.registry
    from refvi.targets import get_target

    assert get_target("cuda").describe() == "cuda: simulator"
    found = []
    for module in pkgutil.iter_modules(refvi.registry.__path__):
        for row in getattr(importlib.import_module(f"refvi.registry.{module.name}"), "EVIDENCE", ()):
            if "cuda" in row.targets:
                outcome = row.run(True, "cuda")
                found.append([row.subject, row.law, bool(outcome.holds), int(outcome.cases), outcome.message])
    print(json.dumps(found))
"""


def test_every_scheduled_law_holds_under_the_simulator():
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout.splitlines()[-1])
    assert {"targets.rows", "targets.pairs", "targets.states"} <= {subject for subject, *_ in rows}
    broken = [f"{subject}: {law}: {message}" for subject, law, holds, _, message in rows if not holds]
    assert not broken, "\n".join(broken)
    assert all(cases > 0 for *_, cases, _ in rows)
