"""The session with contenders that are right, wrong, silent, broken or missing."""

import json

import pytest

from refvi.bench import record as records
from refvi.bench import session
from refvi.bench.command import exit_code
from refvi.bench.tables import render
from refvi.errors import UsageError
from tests.bench import fake_contenders as fakes

SETTINGS = session.Settings(repeats=2, threads=(1,), limit=5.0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(session, "BURST", 0.0)

    def run(bodies, record=None, tasks=(fakes.TASK,), settings=SETTINGS, save=lambda: None):
        record = records.new({}) if record is None else record
        team = [
            fakes.fake(tmp_path, name, *(b if isinstance(b, tuple) else (b,))) for name, b in bodies.items()
        ]
        session.run(record, list(tasks), team, settings, save=save)
        return record

    return run


def by_name(record):
    return {row["contender"]: row for row in record["rows"]}


def test_right_ones_are_timed_and_a_wrong_one_is_not(run):
    record = run({"a": fakes.RIGHT, "b": fakes.NEARLY, "c": fakes.WRONG})
    rows = by_name(record)
    assert [rows[n]["verdict"] for n in "abc"] == ["agrees", "agrees", "disagrees"]
    assert [len(rows[n]["samples"]) for n in "abc"] == [2, 2, 0]
    assert rows["c"]["gap"] == pytest.approx(1e-6, rel=1e-6)
    assert rows["c"]["median"] is None
    assert "c, evidence K=3 D=2, 1 thread: disagrees, off by 1e-06" in render(record)
    assert exit_code(record) == 1


def test_of_two_that_differ_neither_is_timed(run):
    rows = by_name(run({"a": fakes.RIGHT, "c": fakes.WRONG}))
    assert [r["verdict"] for r in rows.values()] == ["disagrees"] * 2
    assert not any(r["samples"] for r in rows.values())


@pytest.mark.parametrize("body", [fakes.SHORT, fakes.NOT_A_NUMBER])
def test_missing_and_undefined_numbers_disagree(run, body):
    record = run({"a": fakes.RIGHT, "b": fakes.RIGHT, "odd": body})
    rows = by_name(record)
    assert [rows[n]["verdict"] for n in ("a", "b", "odd")] == ["agrees", "agrees", "disagrees"]
    json.dumps(record, allow_nan=False)


def test_one_without_numbers_is_timed_and_one_alone_is_said_to_be(run):
    rows = by_name(run({"a": fakes.RIGHT, "limit": fakes.SILENT}))
    assert (rows["a"]["verdict"], rows["limit"]["verdict"]) == ("alone", "none")
    assert all(len(r["samples"]) == 2 for r in rows.values())


def test_failures_do_not_stop_the_others(run):
    record = run({"a": fakes.RIGHT, "b": fakes.RIGHT, "dies": fakes.DIES, "later": fakes.LATER})
    rows = by_name(record)
    assert rows["dies"]["error"] == "process ended with code 3"
    assert (rows["later"]["verdict"], len(rows["later"]["samples"])) == ("failed", 1)
    assert rows["later"]["error"] == "RuntimeError: fourth call"
    assert len(rows["a"]["samples"]) == 2
    assert "dies, evidence K=3 D=2, 1 thread: failed: process ended with code 3" in render(record)


def test_a_slow_one_gets_the_fewest_rounds(run, monkeypatch):
    monkeypatch.setattr(session, "PATIENCE", 0.25)
    slow = "import time\ndef prepare(problem):\n    return lambda: time.sleep(0.1)\n"
    rows = by_name(run({"a": fakes.RIGHT, "slow": slow}, settings=SETTINGS._replace(repeats=5)))
    assert [len(rows[n]["samples"]) for n in ("a", "slow")] == [5, 3]


def test_a_missing_library_is_one_line(run):
    record = run({"a": fakes.RIGHT, "peer": (fakes.RIGHT, ("a_library_that_is_not_there",))})
    assert record["missing"] == {"peer": ["a_library_that_is_not_there"]}
    assert "peer is left out: a_library_that_is_not_there not installed" in render(record)
    assert record["finished"]
    assert set(by_name(record)) == {"a"}


def test_an_interrupted_run_goes_on_where_it_stopped(run, tmp_path):
    path, other = tmp_path / "record.json", fakes.TASK._replace(name="second")
    record = records.new({})

    def stop_after_the_first():
        records.write(record, path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"a": fakes.RIGHT}, record, (fakes.TASK, other), save=stop_after_the_first)
    again = records.resume(path, {})
    assert not again["finished"]
    (kept,) = again["rows"]
    finished = run({"a": fakes.RIGHT}, again, (fakes.TASK, other))
    assert finished["finished"]
    assert finished["rows"][0] == kept
    assert [row["task"] for row in finished["rows"]] == [fakes.TASK.name, "second"]
    assert exit_code(finished) == 0
    assert exit_code(again | {"finished": False}) == 130


def test_an_unfinished_task_is_done_again_as_a_whole(run):
    first = run({"a": fakes.RIGHT})
    first["rows"][0]["done"] = False
    first["rows"][0]["samples"] = [1.0]
    (row,) = run({"a": fakes.RIGHT}, first)["rows"]
    assert len(row["samples"]) == 2
    assert max(row["samples"]) < 1.0


def test_a_record_of_another_machine_is_not_gone_on_with(run, tmp_path):
    path, record = tmp_path / "record.json", records.new({})
    record["machine"]["processor"] = "abacus"
    records.write(record, path)
    with pytest.raises(UsageError, match="--resume must go on with a record of this machine"):
        records.resume(path, {})


@pytest.mark.parametrize("text", ["", "[]", '{"format": "another"}'])
def test_what_is_not_a_record_is_refused(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="benchmark record must"):
        records.read(path)


def test_a_busy_machine_is_said_to_be(run, monkeypatch):
    monkeypatch.setattr(session, "load", lambda: 1.5)
    record = run({"a": fakes.RIGHT})
    assert "busy" not in render(record)
    record["rows"][0]["load"] = 2.5
    assert "busy with something else for 1 of 1 rows (load up to 2.5)" in render(record)


SCHEMA = {
    "task": str,
    "kind": str,
    "sizes": dict,
    "threads": int,
    "contender": str,
    "verdict": str,
    "error": str,
    "gap": float,
    "tolerance": float,
    "values": list,
    "first": float,
    "samples": list,
    "calls": int,
    "median": float,
    "least": float,
    "memory": int,
    "held": int,
    "note": str,
    "load": float,
    "done": bool,
}


def test_rows_have_the_documented_fields(run):
    record = run({"a": fakes.RIGHT, "b": fakes.RIGHT})
    assert set(record) == {
        *("format", "machine", "versions", "settings", "missing", "rows", "goals", "finished"),
    }
    for row in record["rows"]:
        assert set(row) == set(SCHEMA)
        assert all(isinstance(row[key], kind) for key, kind in SCHEMA.items() if row[key] is not None)
        assert row["least"] == min(row["samples"]) <= row["median"] <= max(row["samples"])
