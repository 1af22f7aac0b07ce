"""Commands that only read import neither a compiler nor any other large library: the set of modules, and no clock."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

COMPILERS = {"numba", "llvmlite", "torch", "jax"}
HEAVY = COMPILERS | {"scipy", "hypothesis", "rich", "typer", "matplotlib", "mpmath", "flint", "distributed"}
REPORT = """
import json, sys
from refvi.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
CHECKED = """
import sys
import numpy as np, refvi

@refvi.implements("kl.normal_standard", scale="log_var")
def kl(mu, log_var):
    open({path!r}, "w").write(" ".join(sys.modules))
    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).{reduction}(-1)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def roots(modules):
    return {module.partition(".")[0] for module in modules}


def run(cache, *arguments):
    """What a command prints, and the roots of the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "REFVI_CACHE_DIR": str(cache)},
    )
    return done.stdout, roots(json.loads(done.stderr.splitlines()[-1]))


def test_list(cache):
    first, loaded = run(cache, "list")
    assert not loaded & HEAVY
    for _ in range(4):  # nothing is remembered within two seconds of an edit of a source file
        again, loaded = run(cache, "list")
        assert first == again != ""
        if "numpy" not in loaded:
            break
        time.sleep(1.0)
    assert not loaded & (HEAVY | {"numpy"})


@pytest.mark.parametrize("name", ["kl.normal_standard", "elbo.jensen"])
def test_show(cache, name):
    run(cache, "list")
    text, loaded = run(cache, "show", name)
    assert name in text
    assert not loaded & HEAVY


def test_show_of_a_spec_imports_no_other_file_of_specs(cache):
    run(cache, "list")
    done = subprocess.run(
        [sys.executable, "-c", REPORT, "show", "kl.normal_standard"],
        capture_output=True,
        text=True,
        env={**os.environ, "REFVI_CACHE_DIR": str(cache)},
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "refvi.specs.kl" in loaded
    assert not loaded & {
        "refvi.specs.leapfrog",
        "refvi.specs.hidden_markov",
        "refvi.derivations.chains.s5_em",
    }


@pytest.mark.parametrize("reduction", ["sum", "mean"], ids=["right", "wrong"])
def test_check(tmp_path, cache, reduction):
    seen = tmp_path / "seen"
    (tmp_path / "mine.py").write_text(CHECKED.format(path=str(seen), reduction=reduction))
    text, loaded = run(cache, "check", str(tmp_path / "mine.py"))
    assert ("PASS" if reduction == "sum" else "kl-mean-over-latents") in text
    assert not loaded & (HEAVY | {"numpy"})  # the command waits for another process
    assert not roots(seen.read_text().split()) & HEAVY


@pytest.mark.parametrize("grad", [[], ["--grad"]], ids=["evidence", "gradient"])
def test_evidence_of_what_numpy_does_at_once(tmp_path, cache, grad):
    """2^18 states of 16 visibles: more than the library gives to NumPy, less than one command should compile for."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "m.npz", W=rng.normal(size=(16, 18)), b=np.zeros(16), c=np.zeros(18))
    np.save(tmp_path / "x.npy", np.ones(16))
    text, loaded = run(cache, "evidence", str(tmp_path / "m.npz"), "--data", str(tmp_path / "x.npy"), *grad)
    assert "log evidence 0   -" in text
    assert not loaded & HEAVY
