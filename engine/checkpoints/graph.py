"""The shape of what a pickle made: no value may contain itself, or nest deeper than any model does."""

from __future__ import annotations

from typing import Any

from engine.checkpoints.records import Instance, PersistentObject
from engine.errors import CorruptModelError

MAX_DEPTH = 200
TOO_COMPLEX = "The file is far more complex than any model; it was not opened."


def check_graph(root: Any) -> None:
    """Refuse values that contain themselves or nest deeper than any model does. Iterative.

    Raises:
        CorruptModelError
    """
    depth_of: dict[int, int] = {}
    open_nodes: set[int] = set()
    path: list[tuple[Any, Any, int]] = []  # node, iterator over children, deepest child so far

    def enter(node: Any) -> None:
        if len(path) >= MAX_DEPTH:
            raise CorruptModelError(TOO_COMPLEX)
        open_nodes.add(id(node))
        path.append((node, iter(_children(node)), 0))

    if not _children(root):
        return
    enter(root)
    while path:
        node, children, deepest = path[-1]
        for child in children:
            if not _children(child):
                continue
            if id(child) in open_nodes:
                raise CorruptModelError("A value in the pickle contains itself.")
            if id(child) in depth_of:
                deepest = max(deepest, depth_of[id(child)])
                continue
            path[-1] = (node, children, deepest)
            enter(child)
            break
        else:
            path.pop()
            open_nodes.discard(id(node))
            depth_of[id(node)] = deepest + 1
            if path:
                above, siblings, best = path[-1]
                path[-1] = (above, siblings, max(best, deepest + 1))
            if len(path) + deepest + 1 > MAX_DEPTH:
                raise CorruptModelError(TOO_COMPLEX)


def _children(node: Any) -> Any:
    kind = type(node)
    if kind is list or kind is tuple:
        return node
    if kind is dict:
        return node.values()
    if kind is PersistentObject:
        return (node.state,)
    if kind is Instance:
        return (*node.args, node.state)
    return ()
