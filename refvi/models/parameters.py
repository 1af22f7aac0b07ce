"""Parameters as NamedTuples of arrays at the boundary, as one flat vector inside a schedule's row.

The flat order is field after field, row after row. Not here: what the parameters mean.
"""

import numpy as np


def size(parameters):
    """Number of entries of a NamedTuple of arrays."""
    return sum(np.size(field) for field in parameters)


def flat(parameters):
    """All entries as one vector (P,)."""
    return np.concatenate([np.zeros(0), *(np.ravel(field) for field in parameters)])


def like(parameters, vector):
    """A vector (P,) as a NamedTuple of the same type and shapes."""
    found, position = [], 0
    for field in parameters:
        found.append(np.array(vector[position : position + np.size(field)]).reshape(np.shape(field)))
        position += np.size(field)
    return type(parameters)(*found)
