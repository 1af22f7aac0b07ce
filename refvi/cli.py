"""The command line: arguments in, printed results and exit codes out; no mathematics, no logic of its own.

argparse, because start-up counts: `refvi check` of one function answers before a richer parser has been imported.
Exit codes: 0 all as it should be, 1 a failure, 2 could not run (the reason in one line on standard error).
"""

import argparse
import atexit
import gc
import sys

from refvi.errors import RefviError


def main(argv=None):
    """Run one command and return its exit code through `sys.exit`."""
    _spare_the_collector()
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        sys.exit(2)
    try:
        code = arguments.run(arguments)
    except RefviError as error:
        print(f"refvi: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("refvi: stopped", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code)


def _spare_the_collector():
    """Look for cycles seldom, and not at all at the end: libraries make many objects at the start and free none of them.

    What a process with Numba spends on that is a quarter of its start.
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)


def _parser():
    import refvi

    parser = argparse.ArgumentParser(
        prog="refvi",
        description="The reference that implementations of variational inference are checked against.",
    )
    parser.add_argument("--version", action="version", version=f"refvi {refvi.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name, run, says, *, table=True):
        added = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
        added.set_defaults(run=run)
        if table:
            added.add_argument("--json", action="store_true", help="print JSON instead of text")
        return added

    c = command("check", _check, "compare implementations with the reference and name their mistakes")
    c.add_argument("path", metavar="PATH[::NAME]", help="a Python file, a function in it, or a folder")
    c.add_argument("--case", metavar="TOKEN", help="repeat exactly the case of an earlier report")
    c.add_argument("--cases", type=int, default=200, help="how many generic cases (default 200)")
    c.add_argument("--seed", type=int, default=0, help="which generic cases (default 0)")
    c.add_argument("--framework", default="auto", help="auto, numpy, torch or jax")
    c.add_argument("--timeout", type=float, default=60.0, help="seconds that one check may take (default 60)")

    c = command("list", _list, "name every spec, object and derivation")
    c.add_argument("kind", nargs="?", choices=("specs", "objects", "derivations"), help="only one of them")

    c = command(
        "show", _show, "print everything about one name: formula, source, laws, mistakes, derivations"
    )
    c.add_argument("name", metavar="NAME")

    c = command("derive", _derive, "walk a derivation line by line, each line a number")
    c.add_argument(
        "name", metavar="NAME", help="e.g. iwae.monotone-in-k; `refvi list derivations` names them all"
    )
    c.add_argument("--seed", type=int, default=0, help="which small model (default 0)")

    c = command("ledger", _ledger, "judge every claim of the source documents by computation")
    c.add_argument("--source", help="only claims whose source file name contains this text")

    c = command(
        "verify", _verify, "prove the reference: every law on every object, every derivation, every claim"
    )
    c.add_argument("--quick", action="store_true", help="fewer and smaller cases")
    c.add_argument(
        "--target", default="python,cpu", help="comma-separated: python, cpu, cuda (default python,cpu)"
    )
    c.add_argument("--system", help="only one system, e.g. S1")

    command(
        "selftest", _selftest, "plant every mistake of the catalogue and count how many are caught and named"
    )
    c = command("bench", _bench, "time refvi, and other libraries, on the same problems in turns")
    c.add_argument("--peers", action="store_true", help="PyTorch, JAX and Pyro as well, where installed")
    c.add_argument("--quick", action="store_true", help="few small tasks")
    c.add_argument("--only", metavar="TASK", help="only tasks whose name contains this text")
    c.add_argument("--repeats", type=int, default=7, help="rounds of every task (default 7)")
    c.add_argument("--threads", default="1,2", help="comma-separated numbers of threads (default 1,2)")
    c.add_argument("--out", metavar="FILE", help="write every sample to this JSON file")
    c.add_argument("--resume", action="store_true", help="go on with the record in FILE")

    c = command("evidence", _evidence, "exact log evidence of a sigmoid belief network, and its gradient")
    c.add_argument("model", metavar="MODEL.npz", help="arrays W (D, K), b (D,), c (K,)")
    c.add_argument("--data", metavar="X.npy", required=True, help="zeros and ones, (D,) or (B, D)")
    c.add_argument("--grad", action="store_true", help="the gradient of the total in W, b and c as well")
    c.add_argument(
        "--executor",
        metavar="WHERE",
        help="threads:N, processes:N or dask://HOST:PORT (default: all cores here)",
    )
    c.add_argument("--checkpoint", metavar="FILE", help="keep finished shards in FILE, and go on from it")
    c.add_argument(
        "--shards", type=int, metavar="N", help="tasks that the work is cut into (default: by its size)"
    )
    c.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads in each shard (default: all cores; 1 with --executor)",
    )
    c.add_argument(
        "--limit", type=float, default=600.0, metavar="SECONDS", help="refuse what takes longer (default 600)"
    )
    c.add_argument(
        "--out", metavar="FILE", help="write log_evidence, total and the gradient to this .npz file"
    )

    command("warmup", _warmup, "compile what the main paths call, for all later processes")
    return parser


# ---- commands


def _warmup(arguments):
    from refvi.commands import warmup

    warmed = warmup.run()
    _print_json(warmed._asdict()) if arguments.json else print(warmup.text(warmed))
    return 0


def _evidence(arguments):
    from refvi.commands import evidence

    wanted = evidence.Wanted(**{name: getattr(arguments, name) for name in evidence.Wanted._fields})
    found = evidence.run(wanted, lambda text: print(text, file=sys.stderr))
    if arguments.json:
        _print_json(evidence.plain(found))
    else:
        print(evidence.text(found, wanted))
    return 0


def _bench(arguments):
    from refvi.bench import command

    try:
        threads = tuple(int(n) for n in arguments.threads.split(","))
    except ValueError:
        raise _usage(f"--threads must be whole numbers with commas, got {arguments.threads!r}") from None
    names = ("peers", "quick", "only", "repeats", "out", "resume")
    wanted = command.Wanted(threads=threads, **{name: getattr(arguments, name) for name in names})
    record = command.bench(wanted)
    _print_json(record) if arguments.json else print(command.text(record))
    return command.exit_code(record)


def _check(arguments):
    from refvi.checking.paths import check_paths, exit_code
    from refvi.printing import progress

    options = {
        "cases": arguments.cases,
        "seed": arguments.seed,
        "framework": arguments.framework,
        "case": arguments.case,
    }
    if arguments.cases < 1:
        raise _usage(f"--cases must be at least 1, got {arguments.cases}")
    if not arguments.timeout > 0:
        raise _usage(f"--timeout must be positive, got {arguments.timeout:g}")
    with progress("checking") as step:
        outcomes = check_paths(
            arguments.path, timeout=arguments.timeout, on_outcome=lambda o: step(o.name or o.path), **options
        )
    if arguments.json:
        _print_json(
            [
                o.report
                if o.kind == "report"
                else {"name": o.path, "verdict": o.kind.upper(), "message": o.text}
                for o in outcomes
            ]
        )
    else:
        print("\n".join(o.text for o in outcomes))
        if len(outcomes) > 1:
            print(_summary(outcomes))
    return exit_code(outcomes)


def _summary(outcomes):
    verdicts = [o.report["verdict"] if o.kind == "report" else o.kind for o in outcomes]
    words = {
        "PASS": "right",
        "EXPECTED": "wrong as expected, caught and named",
        "FAIL": "wrong",
        "UNEXPECTED": "not as expected",
        "ERROR": "could not run",
        "error": "could not run",
        "left_out": "left out",
    }
    counts = {}
    for v in verdicts:
        counts[words[v]] = counts.get(words[v], 0) + 1
    return f"{len(verdicts)} checked: " + ", ".join(f"{n} {word}" for word, n in counts.items())


def _list(arguments):
    from refvi.registry.index import names

    rows = [
        row
        for row in names()
        if arguments.kind
        in (None, row["kind"] + "s", "objects" if row["kind"] not in ("spec", "derivation") else "")
    ]
    if arguments.json:
        _print_json(rows)
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['kind']:<10} {row['system']:<5} {row['says']}")
    return 0


def _show(arguments):
    from refvi.registry.show import show

    found = show(arguments.name)
    _print_json(found.data) if arguments.json else print(found.text)
    return 0


def _derive(arguments):
    from refvi import derivations

    result = derivations.run(arguments.name, seed=arguments.seed)
    _print_json(result.to_dict()) if arguments.json else print(derivations.render(result))
    return 0 if result.holds else 1


def _ledger(arguments):
    from refvi.derivations import ledger

    rows = [row for row in ledger.rows() if (arguments.source or "") in row["source"]]
    if not rows:
        raise _usage(f"--source must be part of a source file's name, got {arguments.source!r}")
    _print_json(rows) if arguments.json else print(ledger.render_ledger(rows))
    return 0 if all(row["verdict"] in ledger.VERDICTS for row in rows) else 1


def _verify(arguments):
    from refvi.printing import progress, table
    from refvi.registry.verify import plan, run_all

    wanted = {"quick": arguments.quick, "targets": arguments.target.split(","), "system": arguments.system}
    with progress("verifying", total=len(plan(**wanted))) as step:
        results = run_all(**wanted, on_result=lambda result: step(result.subject))
    rows = [r._asdict() for r in results]
    if arguments.json:
        _print_json(rows)
    else:
        print(
            table(
                rows,
                {
                    "system": "system",
                    "subject": "subject",
                    "law": "law",
                    "target": "target",
                    "cases": "cases",
                    "worst": "worst/tol",
                    "verdict": "verdict",
                },
            )
        )
        broken = [r for r in results if r.verdict != "holds"]
        for r in broken:
            print(f"{r.subject}: {r.law}: {r.message}")
        print(
            f"{len(results)} laws, {len(results) - len(broken)} hold, {len(broken)} do not, "
            f"{sum(r.seconds for r in results):.1f} s of work"
        )
    return 0 if results and all(r.verdict == "holds" for r in results) else 1


def _selftest(arguments):
    from refvi.checking.selftest import score
    from refvi.printing import progress, table

    with progress("planting mistakes") as step:
        rows = score(on_row=lambda row: step(row["mistake"]))
    named = sum(row["named"] for row in rows)
    if arguments.json:
        _print_json(rows)
    else:
        print(table(rows, {"spec": "spec", "mistake": "mistake", "rung": "rung", "verdict": "verdict"}))
        planted = [row for row in rows if row["mistake"] in _slugs(row["spec"])]
        caught, called = sum(row["caught"] for row in planted), sum(row["named"] for row in planted)
        print(
            f"{len(planted)} mistakes planted, {caught} caught, {called} named; "
            f"{len(rows) - len(planted)} references, all pass"
            if named == len(rows)
            else f"{len(rows) - named} of {len(rows)} rows are not as they should be"
        )
    return 0 if rows and named == len(rows) else 1


def _slugs(spec_id):
    import refvi

    return refvi.get_spec(spec_id).mistakes


def _usage(message):
    from refvi.errors import UsageError

    return UsageError(message)


def _print_json(thing):
    import json

    from refvi.checking.report import finite

    print(json.dumps(finite(thing), indent=1, ensure_ascii=False, allow_nan=False))


if __name__ == "__main__":
    main()
