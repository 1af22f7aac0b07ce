"""Notebooks: the executed file beside each script holds the script's cells, and the script runs."""

import runpy
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("[0-9]*.py"))
sys.path.insert(0, str(FOLDER))
from build import cells  # noqa: E402


def test_there_are_notebooks():
    assert len(SCRIPTS) >= 3


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_the_notebook_holds_the_scripts_cells(script):
    made = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    assert [(c.cell_type, c.source) for c in made.cells] == cells(script.read_text())
    assert all(c.execution_count for c in made.cells if c.cell_type == "code"), "not executed"
    assert not any(o.output_type == "error" for c in made.cells if c.cell_type == "code" for o in c.outputs)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_the_script_runs(script, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out
