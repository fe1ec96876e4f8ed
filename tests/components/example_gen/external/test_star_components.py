"""Stars find the components that SciPy finds, of any graph, however it is parted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from diptych.components.example_gen.external import exchange
from diptych.components.example_gen.external.exchange import LINK_DTYPE, Exchange, add_links
from diptych.components.example_gen.external.star_components import find_roots
from tests.components.example_gen.external.in_process import in_process_runner

Links = list[tuple[int, int]]

graphs = st.integers(1, 60).flatmap(
    lambda count: st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=80)
)


def roots_by_stars(links: Links, partitions: int) -> tuple[dict[int, int], int]:
    """The root of each node that is linked with another, and the number of rounds."""
    with in_process_runner() as runner:
        folder = Path(runner.folder)
        given_links = Exchange(str(folder / "links"), LINK_DTYPE, 1, partitions)
        with given_links.write(0) as writer:
            add_links(writer, *np.array(links or np.empty((0, 2)), np.int64).T, partitions)
        found = find_roots([given_links], str(folder / "stars"), runner)
        items = [item for partition in range(partitions) for item in found.read_all(partition).tolist()]
        rounds = len(list(folder.glob("stars-*-small.json")))
    roots = {node: other for node, other in items if other < node}
    assert {(node, other) for node, other in items if other > node} == {(root, node) for node, root in roots.items()}
    return {**roots, **{root: root for root in roots.values()}}, rounds


def roots_by_scipy(links: Links) -> dict[int, int]:
    """The least node of the component of each node that is linked with another."""
    ends = np.array(links or np.empty((0, 2)), np.int64)
    count = int(ends.max(initial=-1)) + 1
    if not count:
        return {}
    _, numbers = connected_components(coo_array((np.ones(len(ends)), ends.T), shape=(count, count)), directed=False)
    first = {number: place for place, number in reversed(list(enumerate(numbers.tolist())))}
    linked = {node for left, right in links if left != right for node in (left, right)}
    return {node: first[numbers[node]] for node in linked}


@settings(max_examples=40)
@given(graphs, st.integers(1, 5))
def test_components_are_those_of_scipy(links: Links, partitions: int) -> None:
    several = [(left, right) for left, right in links if left != right]
    assert roots_by_stars(several, partitions)[0] == roots_by_scipy(several)


def test_a_path_takes_few_rounds() -> None:
    length = 1_000
    roots, rounds = roots_by_stars([(n, n + 1) for n in range(length)], 2)
    assert roots == dict.fromkeys(range(length + 1), 0)
    assert rounds <= 13


def test_a_node_of_many_links_is_read_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BATCH_ITEMS", 7)
    links = [(0, n) for n in range(1, 100)] + [(200, n) for n in range(90, 199)]
    assert roots_by_stars(links, 3)[0] == roots_by_scipy(links)
