"""The source files as text: the file of a name is found, and every change is noticed."""

import os
import subprocess
import sys

import pytest

from refvi import derivations, files, specs


def test_the_quoted_name_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PACKAGE", str(tmp_path))
    (tmp_path / "folder").mkdir()
    for name, text in {"a": 'id="x.y"', "b": 'id="x.y.z"', "c": "x.y", "d": '["x.y"]'}.items():
        (tmp_path / "folder" / f"{name}.py").write_text(text)
    assert files.mentioning("folder", ("a", "b", "c", "d", "missing"), "x.y") == ["a", "d"]


def test_a_name_is_found_in_few_files_and_is_the_same_object():
    chains = derivations._files()
    for name, spec in specs.all_specs().items():
        assert specs.find_spec(name) is spec
        assert 1 <= len(files.mentioning("specs", specs.FILES, name)) <= 3, name
    for name, chain in derivations.all_derivations().items():
        assert derivations.find(name) is chain
        assert 1 <= len(files.mentioning("derivations/chains", chains, name)) <= 3, name
    assert specs.find_spec("no.such-name") is None
    assert derivations.find("no.such-name") is None


@pytest.mark.parametrize("change", ["text", "time", "new", "gone", "other python"])
def test_every_change_is_noticed(tmp_path, monkeypatch, change):
    monkeypatch.setattr(files, "PACKAGE", str(tmp_path))
    (tmp_path / "deep").mkdir()
    written = [tmp_path / "a.py", tmp_path / "deep" / "b.py"]
    for n, file in enumerate(written):
        file.write_text("1\n")
        os.utime(file, (10**9 + n, 10**9 + n))
    before = files.stamp()
    assert before == files.stamp() is not None
    if change == "text":
        written[1].write_text("12\n")
        os.utime(written[1], (10**9 + 1, 10**9 + 1))
    elif change == "time":
        os.utime(written[1], ns=(10**18, 10**18 + 10**9 + 1))
    elif change == "new":
        (tmp_path / "deep" / "c.py").write_text("")
        os.utime(tmp_path / "deep" / "c.py", (10**9, 10**9))
    elif change == "gone":
        written[1].unlink()
    else:
        monkeypatch.setattr("sys.version", "3.99")
    assert files.stamp() not in (before, None)


def test_a_file_that_changed_after_the_start_has_no_stamp(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PACKAGE", str(tmp_path))
    (tmp_path / "a.py").write_text("1\n")
    assert files.stamp() is None


def test_the_order_of_names_does_not_depend_on_what_was_asked_for_first():
    code = "from refvi import derivations, specs; {}; print(list(specs.all_specs()), derivations.names())"
    first = "derivations.find('iwae.monotone-in-k'); specs.find_spec('iwae.bound')"
    asked, plain = (
        subprocess.run([sys.executable, "-c", code.format(words)], capture_output=True, text=True)
        for words in (first, "pass")
    )
    assert asked.stdout == plain.stdout != ""
