"""Lays out the components of a run as a graph, in layers from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# In pixels of the drawing.
_NODE_WIDTH, _NODE_HEIGHT, _GAP, _LAYER_HEIGHT = 148, 30, 14, 62

#: Component to the components whose artifacts it read.
Upstream = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Node:
    """A component in the drawing; ``x`` and ``y`` are its upper left corner."""

    name: str
    x: int
    y: int
    width: int = _NODE_WIDTH
    height: int = _NODE_HEIGHT


@dataclass(frozen=True)
class GraphLayout:
    """The size of the drawing, its nodes, and its edges: pairs of a node and one that is below it."""

    width: int
    height: int
    nodes: Sequence[Node]
    edges: Sequence[tuple[Node, Node]]


def lay_out_graph(upstream: Upstream) -> GraphLayout:
    """Places each component in the layer below all components that it read from; cycles are cut."""
    names = list(dict.fromkeys([*upstream, *(name for above in upstream.values() for name in above)]))
    layers: dict[int, list[str]] = {}
    for name in names:
        layers.setdefault(_layer(name, upstream, ()), []).append(name)
    widest = max(map(len, layers.values()), default=0)
    width = widest * (_NODE_WIDTH + _GAP) + _GAP
    nodes: dict[str, Node] = {}
    for layer, members in layers.items():
        left = _GAP + (width - _GAP - len(members) * (_NODE_WIDTH + _GAP)) // 2
        for place, name in enumerate(members):
            nodes[name] = Node(name, left + place * (_NODE_WIDTH + _GAP), layer * _LAYER_HEIGHT + 4)
    edges = [(nodes[above], nodes[name]) for name in upstream for above in _direct_upstream(name, upstream)]
    return GraphLayout(width, (max(layers, default=0) + 1) * _LAYER_HEIGHT, list(nodes.values()), edges)


def _layer(name: str, upstream: Upstream, seen: tuple[str, ...]) -> int:
    above = [other for other in upstream.get(name, ()) if other not in (*seen, name)]
    return 1 + max((_layer(other, upstream, (*seen, name)) for other in above), default=-1)


def _direct_upstream(name: str, upstream: Upstream) -> list[str]:
    """The components upstream that are not also upstream of another one of them: their edge would repeat a path."""
    others = [other for other in dict.fromkeys(upstream[name]) if other != name]
    indirect = {ancestor for other in others for ancestor in _ancestors(other, upstream, {other})}
    return [other for other in others if other not in indirect]


def _ancestors(name: str, upstream: Upstream, seen: set[str]) -> set[str]:
    found: set[str] = set()
    for other in upstream.get(name, ()):
        if other not in seen:
            seen.add(other)
            found |= {other} | _ancestors(other, upstream, seen)
    return found
