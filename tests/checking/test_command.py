"""The command as a stranger uses it: files, folders, exit codes, one sentence for each thing that cannot run."""

import json
import subprocess
import sys

import pytest

HEAD = "import numpy as np, refvi, os, time\n"
MARK = "@refvi.implements('kl.normal_standard', scale='log_var'{})\n"
RIGHT = "def {}(mu, log_var):\n    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(-1)\n"
WRONG = "def {}(mu, log_var):\n    return -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).mean(-1)\n"


def refvi(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "refvi.cli", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path):
    def write(name, *parts):
        (tmp_path / name).write_text(HEAD + "".join(parts))
        return tmp_path / name

    write.path = tmp_path
    return write


def test_right_is_zero(folder):
    done = refvi("check", folder("a.py", MARK.format(""), RIGHT.format("kl")))
    assert done.returncode == 0
    assert "PASS" in done.stdout


def test_wrong_is_one_and_named(folder):
    done = refvi("check", folder("a.py", MARK.format(""), WRONG.format("kl")))
    assert done.returncode == 1
    assert "kl-mean-over-latents" in done.stdout
    assert "repeat" in done.stdout


def test_expected_is_zero(folder):
    done = refvi("check", folder("a.py", MARK.format(", expect='kl-mean-over-latents'"), WRONG.format("kl")))
    assert done.returncode == 0
    assert "EXPECTED" in done.stdout


def test_a_case_token_repeats(folder):
    path = folder("a.py", MARK.format(""), WRONG.format("kl"))
    (report,) = json.loads(refvi("check", path, "--json").stdout)
    (again,) = json.loads(refvi("check", f"{path}::kl", "--case", report["token"], "--json").stdout)
    assert again["mistake"] == report["mistake"]
    assert again["token"] == report["token"]
    assert again["lines"] == report["lines"]


def test_a_hanging_and_a_dying_function_stop_only_themselves(folder):
    hang = "def hang(mu, log_var):\n    time.sleep(600)\n"
    die = "def die(mu, log_var):\n    os._exit(3)\n"
    path = folder("a.py", MARK.format(""), hang, MARK.format(""), die, MARK.format(""), RIGHT.format("kl"))
    done = refvi("check", path, "--timeout", 4)
    assert done.returncode == 2
    assert "did not answer within 4 s" in done.stdout
    assert "ended the process (exit code 3)" in done.stdout
    assert "PASS" in done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\n", "holds no function marked with @refvi.implements"),
        ("def broken(:\n", "is not valid Python"),
        ("import nonexistent_module\n", "raised ModuleNotFoundError"),
        ("raise SystemExit(0)\n", "raised SystemExit"),
        (
            "@refvi.implements('kl.normal_standart')\ndef f(mu, std):\n    return mu\n",
            "did you mean 'kl.normal_standard'",
        ),
        (MARK.format("") + "def f(a, b):\n    return a\n", "must name its arguments"),
    ],
)
def test_what_cannot_run_is_two_and_one_sentence(folder, text, sentence):
    done = refvi("check", folder("a.py", text))
    assert done.returncode == 2
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("check", "nowhere.py"), "does not exist"),
        (("check", "README.md"), "must be a Python file or a folder"),
        (("show", "kl.normal_standart"), "did you mean 'kl.normal_standard'"),
        (("derive", "iwae.monotone-in-kk"), "did you mean"),
        (("verify", "--target", "gpu"), "target must be one of"),
        (("verify", "--system", "S99"), "system must be one of"),
        (("ledger", "--source", "nothing"), "--source must be part of"),
    ],
)
def test_bad_arguments_are_two_and_one_sentence(arguments, sentence):
    done = refvi(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_empty_folder(tmp_path):
    done = refvi("check", tmp_path)
    assert done.returncode == 2
    assert "must hold Python files" in done.stderr


def test_start_up_imports_nothing_heavy(folder):
    code = (
        "import sys; sys.argv = ['refvi', 'list']\n"
        "from refvi.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numba', 'torch', 'jax', 'hypothesis', 'scipy.stats', 'flint', 'mpmath', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
