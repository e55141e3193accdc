"""The public test: what figures in hundreds and the trees of their date tell together, judged from public numbers.

A figure bounds from above how many of a county's arrivals the trees hide. What the trees hide is known in sums: each
row that shows no county of its own divides its persons among the counties that it may hold, in any way, since a county
may be withheld for the sake of any MNO. All that fits these numbers is a polytope of flows. A hidden cell that has one
number in all of it is told; so is what a row has beside such cells, and a county whose bound is reached in all of it.
Whether that is so hangs on the polytope, not on which of its points is true: an edge of a residual graph that lies on
no cycle never changes, and every other one does (Gusfield, A graph theoretic approach to statistical data security,
SIAM J. Comput. 17, 1988). Nothing hidden decides, so the decision tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from popflow.disclosure.rules import Bools, Ints

UNBOUNDED = np.int64(1) << 30  # more persons than any county has


@dataclass(frozen=True)
class Hidden:
    """What trees hide of arrivals, as one viewer sees it.

    An edge is a public row and a county that it may hold: row, county and persons, of which only sums are known. open:
    for each row whether not even its sum is known. bound: for each county the most that can be hidden of it, by its
    figure; UNBOUNDED without one.
    """

    row: Ints
    county: Ints
    persons: Ints
    open: Bools
    bound: Ints

    @property
    def of_county(self) -> Ints:
        """Persons hidden of each county."""
        return np.bincount(self.county, weights=self.persons, minlength=len(self.bound)).astype(np.int64)


def told(hidden: Hidden, threshold: int) -> Bools:
    """For each county whether something of it is told: a group of 1 to threshold - 1, or that its bound is reached.

    The persons have to fit the bounds, as true numbers do; which of all that fit they are makes no difference.
    """
    rows, counties = len(hidden.open), len(hidden.bound)
    of_county, everybody = hidden.of_county, rows + counties  # the last vertex is where all counties' persons meet
    into = np.arange(counties) + rows
    begin = np.concatenate([hidden.row, into, np.flatnonzero(hidden.open)])
    end = np.concatenate([hidden.county + rows, np.full(counties + int(hidden.open.sum()), everybody)])
    # An open row can take in more persons from outside; that is an arc to it from where they meet.
    supplied = np.bincount(hidden.row, weights=hidden.persons, minlength=rows)[hidden.open]
    forth = np.concatenate([np.ones(len(hidden.row), bool), of_county < hidden.bound, supplied > 0])
    back = np.concatenate([hidden.persons > 0, of_county > 0, np.ones(int(hidden.open.sum()), bool)])
    fixed = ~on_a_cycle(begin, end, forth, back, everybody + 1)
    cells, sums = fixed[: len(hidden.row)], fixed[len(hidden.row) : len(hidden.row) + counties]
    shared = np.bincount(hidden.county, minlength=counties) > 0
    out = sums & shared & (_small(of_county, threshold) | (of_county == hidden.bound))
    left = np.bincount(hidden.row, weights=hidden.persons * ~cells, minlength=rows)  # beside the cells that are known
    beside_known = _small(left, threshold) & (np.bincount(hidden.row, weights=cells, minlength=rows) > 0) & ~hidden.open
    out[hidden.county[cells & (_small(hidden.persons, threshold) | beside_known[hidden.row])]] = True
    return out


def _small(number: Ints, threshold: int) -> Bools:
    return (number >= 1) & (number < threshold)


def on_a_cycle(begin: Ints, end: Ints, forth: Bools, back: Bools, vertices: int) -> Bools:
    """Which edges of a mixed graph lie on a directed cycle; one that goes both ways may not be its own way back.

    In a strongly connected part every one-way edge does, and of the others all that are no bridges (Boesch and Tindell,
    Robbins's theorem for mixed multigraphs, 1980).
    """
    tail = np.concatenate([begin[forth], end[back]])
    head = np.concatenate([end[forth], begin[back]])
    arcs = csr_array((np.ones(len(tail), np.int8), (tail, head)), shape=(vertices, vertices))
    part = connected_components(arcs, directed=True, connection="strong")[1]
    within = (part[begin] == part[end]) & (forth | back)
    found = within.copy()
    found[within] &= ~(bridges(begin[within], end[within], vertices) & (forth & back)[within])
    return found


def bridges(begin: Ints, end: Ints, vertices: int) -> Bools:
    """Which edges of an undirected graph are bridges: without it, its ends are not connected.

    Each edge beside a spanning forest gets a random label, and each edge of the forest the labels of those that go
    around it, by exclusive or; a bridge has none. Two words of 64 bits: no label is taken for none.
    """
    tree, order, above = _forest(begin, end, vertices)
    label = np.random.default_rng(0).integers(1 << 63, size=(len(begin), 2), dtype=np.uint64)
    label[tree] = 0
    around = np.zeros((vertices, 2), np.uint64)
    np.bitwise_xor.at(around, begin, label)
    np.bitwise_xor.at(around, end, label)
    for vertex in order[::-1]:  # from the leaves to the roots
        if above[vertex] >= 0:
            around[above[vertex]] ^= around[vertex]
    found = np.zeros(len(begin), bool)
    lower = np.where(above[begin[tree]] == end[tree], begin[tree], end[tree])
    found[tree] = (around[lower] == 0).all(axis=1)
    return found


def _forest(begin: Ints, end: Ints, vertices: int) -> tuple[Ints, Ints, Ints]:
    """A spanning forest: its edges, its vertices from the roots on, and for each vertex the one above it, or -1."""
    graph = csr_array((np.ones(len(begin), np.int8), (begin, end)), shape=(vertices, vertices))
    part = connected_components(graph, directed=False)[1]
    roots = np.unique(part, return_index=True)[1]
    # One root above all the others makes one tree of the forest.
    both = np.concatenate([begin, np.full(len(roots), vertices)]), np.concatenate([end, roots])
    joined = csr_array((np.ones(len(both[0]), np.int8), both), shape=(vertices + 1, vertices + 1))
    order, above = breadth_first_order(joined, vertices, directed=False)
    above = np.where(above == vertices, -1, above)[:vertices]
    pair = np.minimum(begin, end) * vertices + np.maximum(begin, end)
    child = np.flatnonzero(above >= 0)
    wanted = np.minimum(child, above[child]) * vertices + np.maximum(child, above[child])
    first = np.sort(np.unique(pair, return_index=True)[1])
    tree = first[np.isin(pair[first], wanted)]
    return tree, order[order < vertices], above
