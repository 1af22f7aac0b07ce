"""What is measured: the tasks, by the goal that they serve."""

from typing import NamedTuple


class Task(NamedTuple):
    """One thing to be done by several contenders.

    name      what it is called in tables and in the record
    kind      what is computed: see `problems`
    sizes     arguments of the problem
    threads   numbers of threads for which it is measured
    repeats   rounds, where the usual number makes no sense; 0 for the usual number
    """

    name: str
    kind: str
    sizes: dict
    threads: tuple = (1, 2)
    repeats: int = 0


NETWORKS = tuple((K, D) for D in (16, 64) for K in (10, 13, 16, 18, 20, 22, 24) if K >= 16 or D == 16)
AUTOENCODERS = (
    (16, 2, 32, 64, 1),
    (16, 2, 32, 64, 16),
    (16, 2, 32, 256, 64),
    (64, 8, 64, 64, 1),
    (64, 8, 64, 64, 16),
    (64, 8, 64, 256, 16),
    (256, 16, 100, 64, 16),
    (784, 20, 200, 64, 1),
    (784, 20, 200, 64, 16),
    (784, 50, 200, 256, 64),
)
ESTIMATES = ("reinforce", "leave-one-out")
STARTS = ("list", "show", "check", "numpy path", "compiled, warm", "compiled, cold")


def evidence(K, D, B=1, scale=1.0, threads=(1, 2)):
    """Log evidence of B data."""
    sizes = {"K": K, "D": D, "B": B, "scale": scale}
    return Task(f"evidence K={K} D={D}{_extra(B, scale)}", "evidence", sizes, threads)


def gradient(K, D, B=1, threads=(1, 2)):
    """Gradient of the log evidence, summed over B data."""
    return Task(f"gradient K={K} D={D}{_extra(B, 1.0)}", "gradient", {"K": K, "D": D, "B": B}, threads)


def estimates(kind, samples):
    """A gradient estimate from samples, K = 10 and D = 16."""
    sizes = {"K": 10, "D": 16, "samples": samples}
    return Task(f"{kind} S={samples}", kind, sizes)


def iwae(X, Z, H, B, k):
    """One gradient step of the importance-weighted bound."""
    sizes = {"X": X, "Z": Z, "H": H, "B": B, "k": k}
    return Task(f"iwae {X},{Z},{H},{B},{k}", "iwae", sizes)


def start_up(case):
    """A whole process of the command line."""
    return Task(f"start-up {case}", "start-up", {"case": case}, (1,), 3 if "cold" in case else 0)


def accuracy(K, D, scale):
    """Error against ball arithmetic."""
    sizes = {"K": K, "D": D, "scale": scale}
    return Task(f"accuracy K={K} D={D} scale {scale:g}", "accuracy", sizes, (1,), 1)


def all_tasks(quick=False):
    """Every task of a full run, or a small selection that takes a minute."""
    if quick:
        return [
            evidence(16, 16),
            evidence(18, 64),
            evidence(18, 16, B=16),
            gradient(16, 16),
            *(estimates(kind, 4096) for kind in ESTIMATES),
            iwae(*AUTOENCODERS[1]),
            start_up("list"),
            accuracy(10, 16, 1.0),
        ]
    return [
        *(evidence(K, D) for K, D in NETWORKS),
        evidence(30, 16),
        evidence(20, 64, scale=6.0),
        *(evidence(20, D, B=16) for D in (16, 64)),
        *(gradient(K, D) for D in (16, 64) for K in (16, 20)),
        *(gradient(20, D, B=16) for D in (16, 64)),
        *(estimates(kind, S) for kind in ESTIMATES for S in (4096, 65536)),
        *(iwae(*sizes) for sizes in AUTOENCODERS),
        *(start_up(case) for case in STARTS),
        *(accuracy(K, 16, scale) for K, scale in ((10, 1.0), (12, 3.0), (16, 1.0), (20, 1.0))),
        accuracy(12, 64, 6.0),
    ]


def _extra(B, scale):
    return (f" B={B}" if B > 1 else "") + (f" scale {scale:g}" if scale != 1.0 else "")
