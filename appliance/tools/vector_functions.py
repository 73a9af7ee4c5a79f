"""The names of the functions that a statement about vectors uses.

What computes them is `sql_vectors.py`, for the worker alone: it brings the parser of SQL along, which would
be a tenth of the server's memory.
"""

from __future__ import annotations

COSINE = "vec_distance_cosine"
EUCLIDEAN = "vec_distance_l2"
OF_JSON = "vector_of_json"
"""Of the bytes of a JSON array and how many numbers are wanted: the vector, or NULL for anything else."""
