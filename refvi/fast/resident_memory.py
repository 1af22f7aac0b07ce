"""Memory that stays with the process between two calls that need as much of it.

glibc gives the end of its heap back to the system after every call that frees a few megabytes, and the next call
takes it again page by page: at 784 visibles that costs half as much as the products. Its threshold follows the largest
block that was ever mapped and freed (`man mallopt`, M_MMAP_THRESHOLD); one untouched block sets it. Elsewhere this
allocates and frees address space, once.
"""

import functools

import numpy as np

BYTES = 1 << 24  # below the largest threshold, 32 MiB; up to twice as much then stays


@functools.cache
def keep_memory():
    """Let the allocator keep what arrays of some megabytes leave behind."""
    np.empty(BYTES, np.uint8)
