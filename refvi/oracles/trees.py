"""Parameters as NamedTuples, dicts, tuples and arrays, seen as one flat vector with a name for every entry.

Not here: any mathematics. None is an empty tree.
"""

import numpy as np


def leaves(tree, path=""):
    """Yield (path, leaf) for every scalar or array of a tree, e.g. ("decoder.weights", array)."""
    if tree is None:
        return
    if isinstance(tree, dict):
        children = [(f"{path}.{key}" if path else str(key), child) for key, child in tree.items()]
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        children = [(f"{path}.{key}" if path else key, getattr(tree, key)) for key in tree._fields]
    elif isinstance(tree, tuple | list):
        children = [(f"{path}[{index}]", child) for index, child in enumerate(tree)]
    else:
        yield path, tree
        return
    for child_path, child in children:
        yield from leaves(child, child_path)


def element(path, leaf, index):
    """Name of one entry of a leaf: "weights[2, 0]"; a scalar keeps the path alone."""
    shape = np.shape(leaf)
    if not shape:
        return path or "value"
    position = ", ".join(str(int(i)) for i in np.unravel_index(index, shape))
    return f"{path}[{position}]"


def _rebuild(tree, take):
    """Copy of a tree whose leaves are take(leaf), in the order of `leaves`."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: _rebuild(child, take) for key, child in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_rebuild(child, take) for child in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(_rebuild(child, take) for child in tree)
    return take(tree)


def is_floating(leaf):
    """True for what can be differentiated: floats and arrays of floats."""
    return np.issubdtype(np.asarray(leaf).dtype, np.floating)


def ravel(tree, floating=False):
    """Flat float64 vector of a tree, the function that puts a vector back, and the name of every entry.

    floating  only floating leaves enter the vector; the others (integers, booleans) are put back as they were
    """
    chosen = [(path, leaf) for path, leaf in leaves(tree) if not floating or is_floating(leaf)]
    vector = np.concatenate(
        [np.zeros(0)] + [np.asarray(leaf, dtype=np.float64).ravel() for _, leaf in chosen]
    )
    names = [element(path, leaf, index) for path, leaf in chosen for index in range(np.size(leaf))]

    def rebuild(values):
        position = 0

        def take(leaf):
            nonlocal position
            if floating and not is_floating(leaf):
                return leaf
            start, position = position, position + np.size(leaf)
            if not np.shape(leaf):
                return float(values[start])
            return np.array(values[start:position], dtype=np.float64).reshape(np.shape(leaf))

        return _rebuild(tree, take)

    return vector, rebuild, names
