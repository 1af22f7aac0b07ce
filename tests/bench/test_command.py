"""What the command refuses, what it prints, and what an interruption leaves."""

import json

import pytest

from refvi import cli
from refvi.bench import command, session
from refvi.bench.process import Process
from refvi.errors import UsageError


def row(task, contender, median, **more):
    common = {
        "threads": 1,
        "verdict": "agrees",
        "error": "",
        "gap": 0.0,
        "tolerance": 1e-13,
        "values": [],
        "note": "",
    }
    return (
        common
        | {"task": task, "kind": "evidence", "contender": contender, "median": median, "done": True}
        | more
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"only": "nothing has this name"}, "--only must be part of a task's name"),
        ({"repeats": 0}, "--repeats must be at least 1, got 0"),
        ({"threads": (0,)}, "--threads must be from 1 to"),
        ({"threads": (4096,)}, "--threads must be from 1 to"),
        ({"threads": ()}, "--threads must be from 1 to"),
        ({"resume": True}, "--resume needs --out FILE, got none"),
    ],
)
def test_options_that_cannot_be_used(options, says):
    with pytest.raises(UsageError, match=says):
        command.bench(command.Wanted(**options))


def test_threads_that_are_no_numbers_exit_with_2(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", "--threads", "two"])
    assert stopped.value.code == 2
    assert "--threads must be whole numbers with commas, got 'two'" in capsys.readouterr().err


def test_an_interruption_prints_what_is_there_and_keeps_it(monkeypatch, tmp_path, capsys):
    def run(record, tasks, contenders, settings, on_step, save):
        record["rows"].append(row("evidence K=16 D=16", "refvi", 1e-3))
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "run", run)
    path = tmp_path / "record.json"
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", "--quick", "--threads", "1", "--out", str(path)])
    assert stopped.value.code == 130
    out = capsys.readouterr().out
    assert "evidence K=16 D=16  1" in out
    assert "stopped before the end: go on with --out FILE --resume" in out
    assert json.loads(path.read_text())["rows"][0]["median"] == 1e-3


def test_a_real_interruption_ends_every_process(monkeypatch):
    started, closed = [], []
    monkeypatch.setattr(session, "Process", lambda *a: started.append(Process(*a)) or started[-1])

    def judge(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "judge", judge)
    record = command.bench(command.Wanted(quick=True, only="accuracy", threads=(1,)))
    assert not record["finished"]
    closed = [process.child.poll() for process in started]
    assert closed == [-9] * len(started)
    assert started or record["missing"]


def test_exit_codes():
    good = {"finished": True, "rows": [row("t", "refvi", 1.0)]}
    assert command.exit_code(good) == 0
    assert command.exit_code({"finished": True, "rows": [row("t", "pyro", None, verdict="failed")]}) == 0
    assert command.exit_code({"finished": True, "rows": [row("t", "refvi", None, verdict="failed")]}) == 1
    assert command.exit_code({"finished": True, "rows": [row("t", "jax", None, verdict="disagrees")]}) == 1


def test_ratios_are_to_refvi():
    rows = [
        row("t", "refvi", 1e-3),
        row("t", "torch", 0.2),
        row("t", "jax", 5e-3),
        row("t", "numpy", 9.0, verdict="failed"),
    ]
    record = {
        "machine": {"processor": "p", "cores": 1, "memory_gib": 1},
        "versions": {},
        "missing": {},
        "rows": rows,
    }
    times, ratios = command.render(record).split("times as long as refvi")
    assert times.splitlines()[-3].split() == ["t", "1", "200", "5", "failed"]
    assert [line.split() for line in ratios.strip().splitlines()[::2]][:2] == [
        ["task", "torch", "jax"],
        ["t", "200", "5"],
    ]
