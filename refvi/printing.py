"""Tables on standard output, progress on standard error (only where a person is watching)."""

import contextlib
import sys


@contextlib.contextmanager
def progress(says, total=None):
    """A progress bar; yields step(description). Silent where standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(says),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda description: bar.update(task, advance=1, description=str(description))


@contextlib.contextmanager
def fraction(says):
    """A progress bar of one long computation; yields show(finished share). Silent where nobody is watching."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn(says), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share: bar.update(task, completed=share)


def table(rows, columns):
    """Rows of dicts as aligned text; `columns` maps key to heading. Floats to three digits."""
    cells = [[_cell(row[key]) for key in columns] for row in rows]
    widths = [max(len(r[n]) for r in [list(columns.values()), *cells]) for n in range(len(columns))]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
        for r in [list(columns.values()), *cells]
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)
