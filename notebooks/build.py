"""Turn every percent script of this folder into an executed notebook beside it.

Usage: python notebooks/build.py [NAME ...]   (needs the extra `test`: nbformat, nbclient, ipykernel)
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def cells(script):
    """The cells of a percent script as (kind, source) pairs."""
    found, kind, lines = [], None, []
    for line in [*script.splitlines(), "# %%"]:
        if line.startswith("# %%"):
            source = "\n".join(lines).strip("\n")
            if kind == "markdown":
                source = "\n".join(part.removeprefix("#").removeprefix(" ") for part in source.splitlines())
            if kind and source:
                found.append((kind, source))
            kind, lines = ("markdown" if "[markdown]" in line else "code"), []
        else:
            lines.append(line)
    return found


def notebook(script):
    """An unexecuted notebook of a percent script."""
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, (kind, source) in enumerate(cells(script)):
        new = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        cell = new(source)
        cell["id"] = f"cell-{number}"
        made.cells.append(cell)
    return made


def main(names):
    """Build the named notebooks, or all."""
    for path in sorted(HERE.glob("[0-9]*.py")):
        if names and path.stem not in names:
            continue
        made = notebook(path.read_text())
        NotebookClient(
            made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
        ).execute()
        for cell in made.cells:
            cell.get("metadata", {}).pop("execution", None)
        made.metadata.pop("language_info", None)
        nbformat.write(made, path.with_suffix(".ipynb"))
        print(f"built {path.with_suffix('.ipynb').name}")


if __name__ == "__main__":
    main(sys.argv[1:])
