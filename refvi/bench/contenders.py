"""Who takes part: a name, the module of the contender, the libraries that it needs."""

from importlib.util import find_spec
from typing import NamedTuple

GIB = 1 << 30


class Contender(NamedTuple):
    """A way to solve tasks.

    name      how tables call it
    module    holds PREPARE: kind -> (problem -> call), and maybe start(threads) and versions()
    kinds     kinds of tasks that it can do
    needs     modules that have to be installed
    says      what it is, in one line
    memory    limit of its address space in bytes, at most half of what is free; 0 for none
    most      sizes beyond which it is not asked, e.g. {"K": 22}
    """

    name: str
    module: str
    kinds: tuple
    needs: tuple = ()
    says: str = ""
    memory: int = 0
    most: dict = {}  # noqa: RUF012 - never changed


SUMS = ("evidence", "gradient")
SAMPLES = ("reinforce", "leave-one-out")

PLAIN = {"K": 24}  # one call takes seconds, and four times as long for every two more

OWN = (
    Contender("refvi", "refvi.bench.own", (*SUMS, *SAMPLES, "iwae"), says="refvi.fast"),
    Contender(
        "refvi, tables",
        "refvi.bench.own_tables",
        SAMPLES,
        says="one draw of counts; the table of states is reused",
    ),
    Contender("numpy", "refvi.bench.twin", ("evidence",), says="plain NumPy, chunked", most=PLAIN),
    Contender(
        "multiplications",
        "refvi.bench.multiplications",
        ("evidence",),
        says="as many vector multiplications as a plain product of all factors has, and nothing else",
    ),
    Contender("balls", "refvi.bench.balls", ("accuracy",), ("flint",), says="error against ball arithmetic"),
    Contender("command line", "refvi.bench.startup", ("start-up",), says="whole processes"),
)


def missing(contender):
    """Libraries that a contender needs and that are not there."""
    return [name for name in contender.needs if find_spec(name) is None]


def fits(contender, task):
    """Whether a contender is asked for a task at all."""
    within = all(task.sizes.get(name, 0) <= most for name, most in contender.most.items())
    return task.kind in contender.kinds and within


PEERS = (
    Contender(
        "torch",
        "refvi.bench.peers.torch_plain",
        (*SUMS, *SAMPLES, "iwae"),
        ("torch",),
        "PyTorch eager, chunked; gradients in two passes",
        most=PLAIN,
    ),
    Contender(
        "torch.compile",
        "refvi.bench.peers.torch_compiled",
        ("evidence",),
        ("torch",),
        "PyTorch, compiled chunks",
        most=PLAIN | {"B": 1},
    ),
    Contender(
        "torch, whole graph",
        "refvi.bench.peers.torch_graph",
        ("gradient",),
        ("torch",),
        "PyTorch autodiff with all states in memory",
        most={"K": 20, "B": 1},
    ),
    Contender(
        "jax",
        "refvi.bench.peers.jax_plain",
        (*SUMS, *SAMPLES, "iwae"),
        ("jax",),
        "JAX jitted, chunked, fastest spelling; gradients checkpointed",
        most=PLAIN,
    ),
    Contender(
        "jax, softplus",
        "refvi.bench.peers.jax_softplus",
        SUMS,
        ("jax",),
        "JAX with jax.nn.softplus",
        most={"K": 20, "B": 1},
    ),
    Contender(
        "jax, same algorithm",
        "refvi.bench.peers.jax_halves",
        SUMS,
        ("jax",),
        "JAX with refvi's algorithm",
        most=PLAIN | {"scale": 1.0},
    ),
    Contender(
        "pyro",
        "refvi.bench.peers.pyro_enumeration",
        SUMS,
        ("pyro",),
        "Pyro's TraceEnum_ELBO, memory capped",
        memory=12 * GIB,
        most={"K": 22, "D": 16, "B": 1},
    ),
)
