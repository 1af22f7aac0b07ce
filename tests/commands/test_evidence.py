"""`refvi evidence` as a stranger uses it: numbers, estimates, refusals, interruptions; one sentence for each bad file."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sbn_twins import UNIT, absolute_terms, enumerate_states, model

from refvi.commands import evidence
from refvi.commands.evidence import Wanted, duration, run
from refvi.errors import UsageError
from refvi.fast.evidence import log_evidence
from refvi.fast.gradient import log_evidence_gradient

FIELDS = ("log_evidence", "grad_W", "grad_b", "grad_c")


def refvi(*arguments, start=subprocess.run, **options):
    command = [sys.executable, "-m", "refvi.cli", "evidence", *map(str, arguments)]
    return start(command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options})


def write(folder, network, name="m"):
    x, W, b, c = network
    np.savez(folder / f"{name}.npz", W=W, b=b, c=c)
    np.save(folder / f"{name}.npy", x)
    return folder / f"{name}.npz", "--data", folder / f"{name}.npy"


@pytest.fixture
def small(tmp_path):
    """A model of 5 hidden units, its data in two rows, and the arguments that name their files."""
    x, *parameters = model(K=5, D=4)
    network = (np.stack([x, 1 - x]), *parameters)
    return network, write(tmp_path, network)


def wanted(arguments, **options):
    return Wanted(str(arguments[0]), str(arguments[2]), **options)


def test_numbers_are_those_of_a_plain_sum(small, tmp_path):
    (x, *parameters), files = small
    done = refvi(*files, "--grad", "--out", tmp_path / "found")
    assert done.returncode == 0, done.stderr
    twins = [enumerate_states(row, *parameters) for row in x]
    tolerance = 16 * UNIT * absolute_terms(*parameters) * len(x)
    with np.load(tmp_path / "found.npz") as found:
        assert set(found.files) == {*FIELDS, "total"}
        for n, twin in enumerate(twins):
            assert abs(found["log_evidence"][n] - twin.log_evidence) <= tolerance
            assert repr(float(found["log_evidence"][n])) in done.stdout
        for name in FIELDS[1:]:
            assert np.abs(found[name] - sum(getattr(twin, name) for twin in twins)).max() <= tolerance
        assert repr(float(found["total"])) in done.stdout
    assert "2^5 = 32 states" in done.stderr
    assert "about" in done.stderr


def test_json_holds_every_digit(small):
    network, files = small
    found = json.loads(refvi(*files, "--json").stdout)
    assert found == {
        "log_evidence": log_evidence(*network).tolist(),
        "total": float(log_evidence(*network).sum()),
    }
    found = json.loads(refvi(*files, "--json", "--grad").stdout)
    assert set(found) == {*FIELDS, "total"}
    exact = log_evidence_gradient(*network)
    np.testing.assert_allclose(found["grad_W"], exact.grad_W, rtol=0, atol=1e-13)


@pytest.mark.parametrize("executor", ["threads:2", "processes:1"])
def test_executors_give_the_same_bits(small, executor):
    _, files = small
    one, other = run(wanted(files), print), run(wanted(files, executor=executor, shards=3), print)
    np.testing.assert_array_equal(one["log_evidence"], other["log_evidence"])


@pytest.mark.parametrize("hidden", [60, 200])
def test_what_would_take_too_long_is_refused(tmp_path, hidden):
    done = refvi(*write(tmp_path, model(K=hidden, D=4, scale=400.0)), "--grad")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("refvi: this would take about ")
    assert "longer than --limit 600" in done.stderr
    assert f"2^{hidden}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_limit_decides(small, monkeypatch):
    _, files = small
    hour = evidence.estimate(*small[0])._replace(evidence=3600.0 * evidence.cores())
    monkeypatch.setattr(evidence, "estimate", lambda *network, gradient, plain: hour)
    with pytest.raises(UsageError, match="about 60 minutes, longer than --limit 3599"):
        run(wanted(files, limit=3599.0), print)
    run(wanted(files, limit=3601.0), print)
    with pytest.raises(UsageError, match="longer than --limit 3601"):
        run(
            wanted(files, limit=3601.0, threads=1, executor="threads:1"), print
        ) if evidence.cores() > 1 else run(wanted(files, limit=1.0), print)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1e-9, "a millisecond"),
        (0.02, "20 ms"),
        (1.26, "1.3 s"),
        (100.0, "100 s"),
        (600.0, "10 minutes"),
        (7300.0, "2 hours"),
        (3e5, "3.5 days"),
        (1e9, "32 years"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


BAD_MODELS = {
    "does not exist": None,
    "'m.npz', which is not one": b"W = 3",
    "damaged or cut short": b"PK\x03\x04 and no more",
    "holds W, bias": {"W": np.zeros((4, 2)), "bias": np.zeros(4)},
    "W in 'm.npz' must hold numbers, got pickled objects": {"W": np.array([{}]), "b": 1, "c": 1},
    "W in 'm.npz' must hold real numbers, got dtype <U1": {"W": np.array(["a"]), "b": 1, "c": 1},
    "c in 'm.npz' must hold real numbers, got dtype complex128": {"W": np.zeros((4, 2)), "b": 1, "c": 1j},
    "W must be finite, got NaN": {"W": np.full((4, 2), np.nan), "b": np.zeros(4), "c": np.zeros(2)},
    "b must have shape .4,. to match W .4, 2., got .5,.": {
        "W": np.zeros((4, 2)),
        "b": np.zeros(5),
        "c": np.zeros(2),
    },
    "W must have 2 dimension": {"W": np.zeros(4), "b": np.zeros(4), "c": np.zeros(2)},
}
BAD_DATA = {
    "does not exist": None,
    "'x.npy', which is not one": b"0 1 1 0\n",
    "which is not one": b"",
    "damaged or cut short": b"\x93NUMPY\x01\x00",
    "pickled objects; they are not opened": np.array([{}]),
    "must hold real numbers, got dtype complex128": np.zeros(4, complex),
    "x.npy: the array must hold zeros and ones only": np.full(4, 0.5),
    "the array must hold zeros and ones only": np.array([0, 1, 1, np.nan]),
    "the array must have shape .4,. or .B, 4. with B >= 1, got .3,.": np.zeros(3),
    "got .0, 4.": np.zeros((0, 4)),
}


def put(path, thing):
    if isinstance(thing, bytes):
        path.write_bytes(thing)
    elif isinstance(thing, dict):
        np.savez(path, **thing)
    elif thing is not None:
        np.save(path, thing)


@pytest.mark.parametrize("words", BAD_MODELS)
def test_bad_models_are_one_sentence(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "m.npz", BAD_MODELS[words])
    np.save("x.npy", np.zeros(4))
    with pytest.raises(UsageError, match=words) as caught:
        run(Wanted("m.npz", "x.npy"), print)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", BAD_DATA)
def test_bad_data_are_one_sentence(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    np.savez("m.npz", W=np.zeros((4, 2)), b=np.zeros(4), c=np.zeros(2))
    put(tmp_path / "x.npy", BAD_DATA[words])
    with pytest.raises(UsageError, match=words) as caught:
        run(Wanted("m.npz", "x.npy"), print)
    assert "\n" not in str(caught.value)


def test_files_in_each_others_place_and_folders(small, tmp_path):
    _, (model_file, _, data_file) = small
    for given, words in (
        ((data_file, data_file), "holds one array without a name"),
        ((model_file, model_file), "is an archive of arrays"),
        ((tmp_path, data_file), "is a folder"),
    ):
        with pytest.raises(UsageError, match=words):
            run(Wanted(*map(str, given)), print)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"executor": "slurm:3"},
            "--executor must be threads:N, processes:N or dask://HOST:PORT, got 'slurm:3'",
        ),
        ({"executor": "threads:0"}, "--executor must be"),
        ({"executor": "dask://nowhere"}, "--executor must be"),
        ({"limit": 0.0}, "--limit must be a positive number of seconds, got 0"),
        ({"limit": float("nan")}, "--limit must be a positive number"),
        ({"threads": 0}, "--threads must be at least 1, got 0"),
        ({"shards": -1}, "--shards must be at least 1, got -1"),
        ({"out": "missing/folder"}, "--out must be a file that can be written"),
        ({"checkpoint": "missing/folder"}, "checkpoint must be a file that can be written"),
    ],
)
def test_bad_options_are_one_sentence(small, options, words):
    with pytest.raises(UsageError, match=words):
        run(wanted(small[1], **options), print)


def test_a_file_that_is_no_checkpoint_is_left_alone(small, tmp_path):
    _, files = small
    before = files[2].read_bytes()
    done = refvi(*files, "--checkpoint", files[2])
    assert done.returncode == 2
    assert "must belong to the same computation" in done.stderr
    assert files[2].read_bytes() == before


# ---- interruptions


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A model in the log domain that takes a while and loads no compiler, with its undisturbed answer."""
    network = model(K=20, D=7, scale=400.0)
    files = write(tmp_path_factory.mktemp("long"), network)
    return files, log_evidence(*network)


def disturbed(files, path, how):
    """Start the command, send a signal when some shards are kept; what it printed.

    A process inherits an ignored SIGINT, and a test run in the background has one: the command gets the default back.
    """
    running = refvi(
        *files,
        *("--checkpoint", path, "--shards", 200, "--threads", 1),
        start=subprocess.Popen,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not path.exists() or path.read_bytes().count(b"\n") < 8:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.005)
    running.send_signal(how)
    out, err = running.communicate()
    return running.returncode, out, err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_kill_dash_nine_and_the_same_command_again(long, tmp_path):
    (files, exact), path = long, tmp_path / "kept"
    code, out, _ = disturbed(files, path, signal.SIGKILL)
    assert (code, out) == (-signal.SIGKILL, "")
    kept = path.read_bytes().count(b"\n")
    done = refvi(*files, "--checkpoint", path, "--json")
    assert json.loads(done.stdout)["log_evidence"] == exact
    assert path.read_bytes().startswith(b'{"format"')
    assert path.read_bytes().count(b"\n") > kept


def test_control_c_leaves_the_checkpoint(long, tmp_path):
    (files, exact), path = long, tmp_path / "kept"
    code, out, err = disturbed(files, path, signal.SIGINT)
    assert (code, out) == (130, "")
    assert f"% is kept in {path}; the same command goes on from there" in err
    assert err.splitlines()[-1] == "refvi: stopped"
    assert "Traceback" not in err
    assert json.loads(refvi(*files, "--checkpoint", path, "--json").stdout)["log_evidence"] == exact


def test_shards_follow_the_size_of_the_work(small, monkeypatch):
    seen = []

    def compute(*given):
        seen.append(given[5])
        return log_evidence(*given[:4])

    monkeypatch.setattr(evidence, "sharded_log_evidence", compute)
    cost = evidence.estimate(*small[0])
    for seconds in (0.1, 500.0, 1e9):
        monkeypatch.setattr(
            evidence,
            "estimate",
            lambda *network, gradient, plain, s=seconds: cost._replace(evidence=s * evidence.cores()),
        )
        run(wanted(small[1], limit=1e10), print)
    assert seen == [64, 500, 4096]
