"""Contenders written into a folder: each is a small module, run in a process of its own like a real one."""

from refvi.bench.contenders import Contender
from refvi.bench.tasks import Task

RIGHT = "def prepare(problem):\n    return lambda: (problem.W.sum(), problem.b)\n"
NEARLY = "def prepare(problem):\n    return lambda: (problem.W.sum() * (1 + 2**-52), problem.b)\n"
WRONG = "def prepare(problem):\n    return lambda: (problem.W.sum() + 1e-6, problem.b)\n"
SHORT = "def prepare(problem):\n    return lambda: (problem.W.sum(),)\n"
SILENT = "def prepare(problem):\n    return lambda: None\n"
NOT_A_NUMBER = "def prepare(problem):\n    return lambda: (float('nan'), problem.b)\n"
THROWS = "def prepare(problem):\n    raise ValueError('no such size')\n"
DIES = "import os\ndef prepare(problem):\n    os._exit(3)\n"
HANGS = "import time\ndef prepare(problem):\n    return lambda: time.sleep(100)\n"
GREEDY = "import numpy\ndef prepare(problem):\n    return lambda: (numpy.ones(1 << 40).sum(),)\n"
CHATTY = "print('hello')\ndef prepare(problem):\n    print('there')\n    return lambda: (problem.W.sum(), problem.b)\n"
LATER = """
def prepare(problem):
    calls = []
    def call():
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("fourth call")
        return problem.W.sum(), problem.b
    return call
"""
THREADS = """
import os
THREADS = []
def start(threads):
    THREADS.append(threads)
def prepare(problem):
    return lambda: (THREADS[0], int(os.environ["OMP_NUM_THREADS"]), len(os.sched_getaffinity(0)))
"""
BUSY = """
import threading, time
DONE = []
def work():
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    DONE.append(1)
def prepare(problem):
    def call():
        found = len(DONE)
        threading.Thread(target=work).start()
        return found,
    return call
"""

TASK = Task("evidence K=3 D=2", "evidence", {"K": 3, "D": 2}, (1,))


def fake(folder, name, body, needs=(), memory=0):
    """A contender whose module lies in a folder that is on sys.path."""
    (folder / f"fake_{name}.py").write_text(
        f"{body}\nPREPARE = {{'evidence': prepare, 'gradient': prepare}}\n"
    )
    return Contender(name, f"fake_{name}", ("evidence", "gradient"), needs, memory=memory)
