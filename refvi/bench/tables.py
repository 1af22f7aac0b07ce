"""A record as text: one table for each number of threads, and what was not timed."""

from refvi.printing import table

HIDDEN = ("balls", "command line")
BUSY = 1.0  # load beyond the threads that a contender has


def render(record):
    """Times in milliseconds, ratios to refvi, and one line for everything else."""
    lines = [_head(record)]
    for threads in sorted({row["threads"] for row in record["rows"]}):
        rows = [r for r in record["rows"] if r["threads"] == threads and r["contender"] not in HIDDEN]
        if rows:
            lines += ["", f"{_threads(threads)}: median milliseconds of a call", "", _times(rows)]
            if ratios := _ratios(rows):
                lines += ["", f"{_threads(threads)}: times as long as refvi", "", ratios]
    lines += ["", *_alone(record)] if _alone(record) else []
    lines += ["", *_remarks(record)] if _remarks(record) else []
    return "\n".join(lines)


def goals_table(goals):
    """The goals as text; those of which nothing was measured are counted."""
    columns = {key: key for key in ("goal", "what", "measured", "floor", "aim", "limit", "verdict")}
    measured = [goal for goal in goals if goal["worst"] is not None]
    rest = len(goals) - len(measured)
    return table(measured, columns) + (f"\n{rest} goals were not measured" if rest else "")


def find(record, task, contender, threads=1):
    """Median seconds, or None."""
    for row in record["rows"]:
        if (row["task"], row["contender"], row["threads"]) == (task, contender, threads):
            return row["median"] if _timed(row) else None
    return None


def fastest(record, task, threads, names):
    """Name and seconds of the fastest of some contenders, or None."""
    times = {name: find(record, task, name, threads) for name in names}
    times = {name: seconds for name, seconds in times.items() if seconds}
    best = min(times, key=times.get, default=None)
    return best and (best, times[best])


def _threads(count):
    return f"{count} thread{'s' * (count > 1)}"


def _times(rows):
    return _by_task(rows, _cell)


def _ratios(rows):
    own = {row["task"]: row["median"] for row in rows if row["contender"] == "refvi" and row["median"]}
    rows = [row for row in rows if row["contender"] != "refvi" and row["task"] in own and _timed(row)]
    return _by_task(rows, lambda row: f"{row['median'] / own[row['task']]:.3g}") if rows else ""


def _by_task(rows, show):
    """For each kind of tasks a table: a line for each task, a column for each contender."""
    return "\n\n".join(
        _one_kind([r for r in rows if r["kind"] == k], show) for k in dict.fromkeys(r["kind"] for r in rows)
    )


def _one_kind(rows, show):
    names = list(dict.fromkeys(row["contender"] for row in rows))
    lines = []
    for task in dict.fromkeys(row["task"] for row in rows):
        cells = {row["contender"]: show(row) for row in rows if row["task"] == task}
        lines.append({"task": task, **{name: cells.get(name, "") for name in names}})
    return table(lines, {name: name for name in ("task", *names)})


def _timed(row):
    return row["median"] is not None and row["verdict"] not in ("failed", "disagrees")


def _cell(row):
    if row["verdict"] in ("failed", "disagrees"):
        return row["verdict"]
    return "" if row["median"] is None else f"{1e3 * row['median']:.3g}"


def _head(record):
    machine, versions = record["machine"], record["versions"]
    known = ", ".join(f"{name} {v}" for name, v in versions.items() if v)
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB\n{known}"


def _alone(record):
    lines = []
    for row in record["rows"]:
        if row["contender"] == "command line" and row["median"]:
            lines.append(f"{row['task']}: {row['median']:.3g} s")
        if row["contender"] == "balls" and row["values"]:
            lines.append(f"{row['task']}: {row['values'][0]:.2g} ulp of max(1, |log p|), {row['note']}")
    return lines


def _remarks(record):
    lines = [
        f"{name} is left out: {', '.join(libraries)} not installed"
        for name, libraries in record["missing"].items()
    ]
    busy = [row for row in record["rows"] if row.get("load", 0.0) > row["threads"] + BUSY]
    if busy:
        lines.append(
            f"the machine was busy with something else for {len(busy)} of {len(record['rows'])} rows "
            f"(load up to {max(row['load'] for row in busy):.1f}): times are provisional"
        )
    for row in record["rows"]:
        place = f"{row['contender']}, {row['task']}, {_threads(row['threads'])}"
        if row["verdict"] == "failed":
            lines.append(f"{place}: failed: {row['error']}")
        elif row["verdict"] == "disagrees":
            gap = "not the same quantities" if row["gap"] is None else f"off by {row['gap']:.3g}"
            lines.append(f"{place}: disagrees, {gap} (tolerance {row['tolerance']:.3g}); not timed")
    return lines
