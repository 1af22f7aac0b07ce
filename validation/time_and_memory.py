"""How do time and memory of exact evidence grow with K, for refvi and for everybody else?

Draws the record of `refvi bench --peers --out validation/results/bench.json` (or the file that is named): time of a call
and peak memory of the process against K, one column for each number of visibles, all contenders with one thread. The
verdict is `holds` where nobody disagrees and refvi is the fastest from `FASTEST_FROM` hidden units on.

    python validation/time_and_memory.py [FILE]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from refvi.bench import record as records

RESULTS = Path(__file__).parent / "results"
FASTEST_FROM = 16
THREADS = 1
STYLES = {
    "refvi": ("C3", "o", "-"),
    "jax, same algorithm": ("C3", "s", ":"),
    "numpy": ("0.5", "v", "-"),
    "torch": ("C1", "^", "-"),
    "torch.compile": ("C1", "^", ":"),
    "jax": ("C0", "D", "-"),
    "jax, softplus": ("C0", "D", ":"),
    "pyro": ("C2", "P", "-"),
}


def curves(record, D):
    """Contender -> list of (K, milliseconds, peak GiB of its process), one thread."""
    found = {}
    for row in record["rows"]:
        sizes = row["sizes"]
        plain = row["kind"] == "evidence" and sizes.get("B", 1) == 1 and sizes.get("scale", 1.0) == 1.0
        if (
            plain
            and sizes["D"] == D
            and row["threads"] == THREADS
            and row["median"]
            and row["contender"] in STYLES
        ):
            peak = None if row["memory"] is None else (row["held"] + row["memory"]) / 2**30
            found.setdefault(row["contender"], []).append((sizes["K"], 1e3 * row["median"], peak))
    return {name: sorted(found[name]) for name in STYLES if name in found}


def failures(record, D):
    """Contender -> hidden units at which it ran out of memory or died, one thread."""
    return {
        row["contender"]: row["sizes"]["K"]
        for row in record["rows"]
        if row["kind"] == "evidence" and row["sizes"]["D"] == D and row["verdict"] == "failed"
        if row["threads"] == THREADS and row["contender"] in STYLES
    }


def plot(record, path):
    """Two rows, time and memory; a column for each D."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        2, 2, figsize=(9.6, 7.2), sharex=True, sharey="row", constrained_layout=True
    )
    for column, D in enumerate((16, 64)):
        for name, points in curves(record, D).items():
            color, marker, line = STYLES[name]
            for place in (1, 2):
                shown = [(point[0], point[place]) for point in points if point[place] is not None]
                if shown:
                    panels[place - 1, column].plot(
                        *zip(*shown, strict=True),
                        color=color,
                        marker=marker,
                        ls=line,
                        ms=4,
                        lw=1.4,
                        label=name,
                    )
        for name, K in failures(record, D).items():
            last = curves(record, D).get(name)
            if last:
                panels[1, column].annotate(
                    f"{name} fails at K={K}", last[-1][::2], fontsize=8, ha="right", va="bottom"
                )
        panels[0, column].set_title(f"{D} visible units", fontsize=10)
        panels[1, column].set_xlabel("K, hidden units: 2^K states")
    panels[0, 0].set_ylabel("one log evidence, milliseconds")
    panels[1, 0].set_ylabel("peak memory of the process, GiB")
    for panel in panels.flat:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_minor_formatter(lambda value, _: "")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.25)
    panels[0, 1].legend(*panels[0, 0].get_legend_handles_labels(), fontsize=7, loc="lower right")
    figure.suptitle(f"Exact log evidence, float64, 1 thread: {record['machine']['processor']}", fontsize=10)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def verdict(record):
    """Whether nobody disagrees, and refvi is the fastest from FASTEST_FROM on; prints the ratios."""
    good = bool(record["rows"]) and not any(row["verdict"] == "disagrees" for row in record["rows"])
    for D in (16, 64):
        times = {name: {K: ms for K, ms, _ in points} for name, points in curves(record, D).items()}
        for K, own in times.get("refvi", {}).items():
            others = {name: t[K] for name, t in times.items() if name != "refvi" and K in t}
            if others:
                best = min(others, key=others.get)
                print(
                    f"K={K} D={D}: refvi {own:.3g} ms, next {best} {others[best]:.3g} ms, {others[best] / own:.3g}x"
                )
                good = good and (K < FASTEST_FROM or own < others[best])
    return good


def main(path=RESULTS / "bench.json"):
    """Draw the figure, print the ratios; 0 where the claim holds."""
    record = records.read(path)
    plot(record, RESULTS / "time_and_memory.png")
    holds = verdict(record)
    print("holds" if holds else "FAILS")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
