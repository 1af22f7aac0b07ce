"""The structure of the house, kept by reading the source: arrows, the grammar of kernels, sizes, no orphans."""

import ast
import itertools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "refvi"
FILES = sorted(p for p in PACKAGE.rglob("*.py"))

EVERYONE = {"errors", "validate", "shapes", "files"}
MATHEMATICS = {"kernels", "models", "families", "objectives", "estimators", "algorithms", "fast"}

# Folder (or top-level file) -> what it may import of refvi and of the world beyond the standard library.
# Whatever is not listed fails. Importing one's own folder is always allowed.
ALLOWED = {
    "errors": set(),
    "validate": {"numpy", "errors"},
    "shapes": set(),
    "files": set(),
    "kernels": {"numba"},  # numba in portable.py alone, see test_only_portable_imports_numba
    "targets": {"numba", "cuda", "numpy", "kernels", "errors"},
    "models": {"kernels", "targets", "numpy"} | EVERYONE,
    "families": {"kernels", "targets", "numpy"} | EVERYONE,
    "objectives": {"kernels", "targets", "numpy"} | EVERYONE,
    "estimators": {"kernels", "objectives", "models", "families", "targets", "numpy"} | EVERYONE,
    "algorithms": {"kernels", "models", "families", "objectives", "estimators", "targets", "numpy"}
    | EVERYONE,
    "fast": {"kernels", "targets", "numba", "llvmlite", "numpy"} | EVERYONE,
    "oracles": {"numpy", "scipy", "mpmath", "flint"},
    "laws": {"oracles", "numpy"} | EVERYONE,
    "specs": {"numpy", "targets", "scipy"} | MATHEMATICS | EVERYONE,
    "checking": {"numpy", "specs", "laws", "oracles", "torch", "jax", "pytest"} | EVERYONE,
    "derivations": {"numpy", "scipy", "oracles", "rich"} | MATHEMATICS | EVERYONE,
    "registry": {"numpy", "specs", "laws", "oracles", "derivations", "checking", "targets"}
    | MATHEMATICS
    | EVERYONE,
    "strategies": {"numpy", "hypothesis", "specs"} | EVERYONE,
    "printing": {"rich"},
    "bench": {
        "numpy",
        "numba",
        "llvmlite",
        "fast",
        "models",
        "oracles",
        "targets",
        "printing",
        "torch",
        "jax",
        "pyro",
    }
    | EVERYONE,
    "commands": {"numpy", "fast", "models", "registry", "targets", "printing", "distributed"} | EVERYONE,
    "cli": {"refvi", "checking", "registry", "derivations", "printing", "fast", "bench", "commands"}
    | EVERYONE,
    "__init__": set(MATHEMATICS) | EVERYONE,
}
STANDARD_LIBRARY = set(__import__("sys").stdlib_module_names)


def home(path):
    """The folder of refvi that a file belongs to, or its own name at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imports(path):
    """Every imported module of a file, functions included, as refvi folders or outside roots."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = (
                [f"{node.module}.{a.name}" for a in node.names] if node.module == "refvi" else [node.module]
            )
        else:
            continue
        for name in names:
            root, _, rest = name.partition(".")
            if root == "refvi" and rest:
                yield rest.split(".")[0]
            else:
                yield root


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows(path):
    here = home(path)
    assert here in ALLOWED, f"{here} has no row in the arrow table"
    wrong = {
        name
        for name in imports(path)
        if name not in STANDARD_LIBRARY and name != here and name not in ALLOWED[here]
    }
    assert not wrong, f"{path.name} of {here} imports {sorted(wrong)}"


def test_only_portable_imports_numba():
    found = [p.name for p in (PACKAGE / "kernels").glob("*.py") if "numba" in set(imports(p))]
    assert found in ([], ["portable.py"])


def test_an_oracle_imports_nothing_of_refvi():
    for path in (PACKAGE / "oracles").rglob("*.py"):
        tree = ast.parse(path.read_text())
        outside = [
            n.module
            for n in ast.walk(tree)
            if isinstance(n, ast.ImportFrom) and n.module and n.module.startswith("refvi")
        ]
        assert all(m.startswith("refvi.oracles") for m in outside), f"{path.name}: {outside}"


# ---- the grammar of kernels

FORBIDDEN = (
    ast.Raise,
    ast.Assert,
    ast.Try,
    ast.With,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.ClassDef,
    ast.Yield,
    ast.Await,
    ast.Dict,
    ast.Set,
    ast.List,
    ast.Starred,
    ast.Global,
    ast.Nonlocal,
)


def kernels(tree):
    """The functions marked `@portable` in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            getattr(d, "id", None) == "portable" for d in node.decorator_list
        ):
            yield node


def grammar_faults(kernel):
    """What breaks the portable subset, as (line, word) pairs."""
    for node in itertools.chain.from_iterable(ast.walk(statement) for statement in kernel.body):
        if isinstance(node, FORBIDDEN):
            yield node.lineno, type(node).__name__
        elif isinstance(node, ast.FunctionDef):
            yield node.lineno, "nested function"
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in (
                "max",
                "min",
                "sum",
                "print",
                "list",
                "dict",
                "zip",
                "enumerate",
            ):
                yield node.lineno, node.func.id
            root = node.func
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in ("np", "numpy"):
                yield node.lineno, "NumPy call"
            if node.keywords:
                yield node.lineno, "keyword argument"


ALL_KERNELS = [(p, k) for p in FILES for k in kernels(ast.parse(p.read_text()))]


def test_there_are_kernels():
    assert len(ALL_KERNELS) > 20


@pytest.mark.parametrize(("path", "kernel"), ALL_KERNELS, ids=lambda v: getattr(v, "name", None))
def test_kernel_grammar(path, kernel):
    assert not list(grammar_faults(kernel)), f"{path.name}::{kernel.name}"


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("@portable\ndef f(x):\n    raise ValueError", "Raise"),
        ("@portable\ndef f(x):\n    return max(x, 0.0)", "max"),
        ("@portable\ndef f(x):\n    return np.exp(x)", "NumPy call"),
        ("@portable\ndef f(x):\n    return [v for v in x]", "ListComp"),
        ("@portable\ndef f(x):\n    return g(x, scale=2.0)", "keyword argument"),
    ],
)
def test_grammar_rejects(source, word):
    (kernel,) = kernels(ast.parse(source))
    assert word in {found for _, found in grammar_faults(kernel)}


# ---- sizes and orphans


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_sizes(path):
    assert len(path.read_text().splitlines()) <= 400


def test_no_orphan_file():
    """Every module is imported by another one, by a test, or named as an entry point."""
    texts = [p.read_text() for p in [*FILES, *(ROOT / "tests").rglob("*.py"), ROOT / "pyproject.toml"]]
    everything = "\n".join(texts)
    orphans = []
    for path in FILES:
        if (
            path.name in ("__init__.py", "__main__.py") or path.parent.name == "chains"
        ):  # chains are found by folder
            continue
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        package, _, name = dotted.rpartition(".")
        named = dotted in everything or (f"from {package} import" in everything and name in everything)
        if not named and f'"{name}"' not in everything:
            orphans.append(dotted)
    assert not orphans


def test_no_forbidden_words():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.arg):
                name = node.arg if isinstance(node, ast.arg) else node.name
                assert "loss" not in name.lower(), (
                    f"{path.name}: {name}: values live on the log-evidence scale"
                )
        assert path.name not in ("utils.py", "helpers.py", "base.py", "misc.py")
