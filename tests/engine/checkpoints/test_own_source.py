"""Graft's own source never unpickles, evaluates or imports by a name from a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = [
    ROOT / "main.py",
    *(path for folder in ("engine", "gui") for path in sorted((ROOT / folder).rglob("*.py"))),
]
BUILTINS = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
CALLS = {
    ("torch", "load"),
    ("torch.jit", "load"),
    ("torch.package", "PackageImporter"),
    ("importlib", "import_module"),
}

BY_NAMES_OF_ITS_OWN = {"gui/import_later.py": ["importlib.import_module", "importlib.import_module"]}
"""What a file imports by a name that stands in Graft's own source: gui/app.py writes them out."""


def dangers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            yield f"line {node.lineno}: {node.func.id}()"
        if isinstance(node, ast.Attribute) and (ast.unparse(node.value), node.attr) in CALLS:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield f"line {node.lineno}: allow_pickle"
        if isinstance(node, ast.Import) and MODULES & {name.name for name in node.names}:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.exists()], ids=lambda path: str(path.relative_to(ROOT))
)
def test_that_a_source_file_runs_nothing_that_comes_from_outside(path: Path) -> None:
    found = [danger.partition(": ")[2] for danger in dangers(ast.parse(path.read_text("utf-8")))]
    assert found == BY_NAMES_OF_ITS_OWN.get(path.relative_to(ROOT).as_posix(), [])


def test_that_the_scan_finds_what_it_looks_for() -> None:
    bad = "import pickle; from marshal import loads; eval('1'); torch.load(f); np.load(f, allow_pickle=True)"
    assert len(list(dangers(ast.parse(bad)))) == 5
