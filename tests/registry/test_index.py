"""The remembered list of names: equal to the gathered one, and never trusted further than it should be."""

import json
import os

import pytest

from refvi import files
from refvi.registry import index


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache of its own, and a state of the sources that tests choose."""
    monkeypatch.setenv("REFVI_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(files, "stamp", lambda: "now")
    return tmp_path / "names.json"


@pytest.fixture
def gathered(monkeypatch):
    """Counts how often names are gathered; they are short here."""
    rows, count = [{"name": "a", "kind": "spec", "system": "", "says": "b"}], []
    monkeypatch.setattr(index, "gather", lambda: count.append(1) or rows)
    return count


def test_what_is_remembered_is_what_is_gathered(place):
    first = index.names()
    assert first == index.gather() == index._recall(place, "now")
    assert all(row["says"] for row in first)


def test_a_list_is_gathered_once(place, gathered):
    assert index.names() == index.names()
    assert len(gathered) == 1
    assert [path.name for path in place.parent.iterdir()] == ["names.json"]


def test_other_sources_are_gathered_anew(place, gathered, monkeypatch):
    index.names()
    monkeypatch.setattr(files, "stamp", lambda: "later")
    index.names()
    index.names()
    assert len(gathered) == 2


def test_sources_in_motion_are_not_remembered(place, gathered, monkeypatch):
    monkeypatch.setattr(files, "stamp", lambda: None)
    index.names()
    index.names()
    assert len(gathered) == 2
    assert not place.exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"stamp": "now"}', '{"stamp": "now", "rows": [{"name": "a"}]}', '{"rows": []}']
)
def test_a_damaged_file_is_replaced(place, gathered, text):
    place.write_text(text)
    assert index.names() == index.gather()
    assert json.loads(place.read_text())["stamp"] == "now"


def test_no_place_to_write_costs_only_time(tmp_path, monkeypatch, gathered):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REFVI_CACHE_DIR", os.path.join(tmp_path, "file", "below"))
    assert index.names() == index.gather()
