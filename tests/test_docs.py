"""Prose that is executed: README's snippet and output, docstring fields, and every path that a docstring names."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PACKAGE = ROOT / "refvi"
TIMES = re.compile(r"\d+\.\d s")


def fences(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_readme_snippet_prints_what_readme_shows():
    (snippet,), shown = fences("python"), fences("text")[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, "README.md", "exec"), {"__name__": "readme"})
    assert TIMES.sub("0 s", printed.getvalue()) == TIMES.sub("0 s", shown)


def test_readme_shows_both_commands():
    for command in (
        "pip install -e . && refvi check validation/implementations",
        "pip install -e '.[test]' && pytest",
    ):
        assert command in README


def test_readme_names_real_commands_and_files():
    from refvi.cli import _parser

    known = set(_parser()._subparsers._group_actions[0].choices)
    named = set(re.findall(r"`refvi (\w+)", README))
    assert named
    assert named <= known
    for path in re.findall(r"`((?:refvi|validation|tests|notebooks)/[\w./]+\.\w+)`", README):
        assert (ROOT / path).exists(), path


def documented():
    """Every docstring of the package with where it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                doc = ast.get_docstring(node)
                if doc:
                    yield path, getattr(node, "name", "module"), node, doc


def test_every_path_in_a_docstring_exists():
    missing = []
    for path, name, _, doc in documented():
        for named in re.findall(
            r"\b((?:refvi|tests|validation|notebooks)/[\w./]+\.(?:py|json|csv|npz))", doc
        ):
            if not (ROOT / named).exists():
                missing.append(f"{path.relative_to(ROOT)}::{name} names {named}")
    assert not missing


def test_every_module_says_why_it_exists():
    silent = [
        str(p.relative_to(ROOT))
        for p in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent


MATHEMATICS = ("kernels", "models", "families", "objectives", "estimators")
FIELDS = ("Shapes", "Source", "Checked by")


def public_kernels():
    for path, name, node, doc in documented():
        folder = path.relative_to(PACKAGE).parts[0]
        kernel = isinstance(node, ast.FunctionDef) and any(
            getattr(d, "id", "") == "portable" for d in node.decorator_list
        )
        if folder in MATHEMATICS and kernel and not name.startswith("_"):
            module = ast.get_docstring(ast.parse(path.read_text())) or ""
            yield pytest.param(doc, module, id=f"{path.stem}.{name}")


@pytest.mark.parametrize(("doc", "module"), list(public_kernels()))
def test_kernel_docstring_fields(doc, module):
    """Shapes in the kernel's own docstring; source and test there, or once for the whole module."""
    assert re.search(r"^\s*Shapes\b", doc, re.M), "Shapes"
    for field in FIELDS[1:]:
        assert re.search(rf"^\s*{field}\b", doc + "\n" + module, re.M), field
