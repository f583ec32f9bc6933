"""The house: which package may import which, as docs/architecture.md says."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FREE = {"commands", "demo", "service", "tests", "benchmarks", "alembic", "deploy", "docs"}
MAY_IMPORT: dict[str, set[str]] = {
    "objects": {"objects"},
    "store": {"store"},
    "config": {"config"},
    "baselines.profile": {"baselines.profile"},
    "baselines": {"baselines", "store", "config.problem", "objects"},
    "monitor": {"monitor", "baselines", "store", "config", "objects"},
    "retrain": {"retrain", "baselines", "store", "config", "objects", "monitor.capture"},
    "web": {"web", "baselines", "store", "config", "retrain.actions"},
}
OURS = {
    "alembic",
    "baselines",
    "benchmarks",
    "commands",
    "config",
    "demo",
    "monitor",
    "objects",
    "retrain",
    "service",
    "store",
    "web",
}
HEAVY = {"tensorflow", "keras", "evidently", "sagemaker", "pyspark", "moto", "pandas"}
START_UP = ("commands", "service", "web", "monitor", "retrain", "store", "config", "baselines", "objects")
MAX_LINES = 500


def sources() -> Iterator[Path]:
    """Every Python file of the product."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") for part in parts) and parts[0] not in {
            "tests",
            "benchmarks",
            "build",
        }:
            yield path


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module, *, top_level_only: bool = False) -> Iterator[str]:
    """The modules a file imports; those for type checkers alone do not run and do not count as heavy."""
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rule_for(module: str) -> set[str] | None:
    for prefix in sorted(MAY_IMPORT, key=len, reverse=True):
        if module == prefix or module.startswith(f"{prefix}."):
            return MAY_IMPORT[prefix]
    assert module.split(".")[0] in FREE, f"{module} has no place in the house: give it a rule"
    return None


def allowed(target: str, rule: set[str]) -> bool:
    return any(target == place or target.startswith(f"{place}.") for place in rule)


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_lower_never_imports_upper(path: Path) -> None:
    rule = rule_for(module_of(path))
    if rule is None:
        return
    tree = ast.parse(path.read_text())
    for target in imported(tree):
        if target.split(".")[0] not in OURS or target.split(".")[0] == "alembic":
            continue
        # `from monitor import judge` is told as monitor and monitor.judge: the longer one decides
        longer = [other for other in imported(tree) if other.startswith(f"{target}.")]
        assert allowed(target, rule) or (longer and all(allowed(other, rule) for other in longer)), (
            f"{path.relative_to(ROOT)} imports {target}, which stands above it in the house"
        )


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    if module_of(path).split(".")[0] not in START_UP:
        return
    tree = ast.parse(path.read_text())
    heavy = {name.split(".")[0] for name in imported(tree, top_level_only=True)} & HEAVY
    assert not heavy, f"{path.relative_to(ROOT)} imports {', '.join(sorted(heavy))} at start-up"


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_one_reason_to_change(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
    assert path.stem not in {"utils", "helpers", "manager", "common"}


def test_every_package_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {module_of(path) for path in sources() if path.name == "__init__.py"}
    assert set(settings["packages"]) == packages
    modules = {path.stem for path in ROOT.glob("*.py")}
    assert set(settings["py-modules"]) == modules


def test_a_rule_that_is_broken_is_found() -> None:
    assert not allowed("monitor.judge", MAY_IMPORT["store"])
    assert not allowed("monitor.judge", MAY_IMPORT["retrain"])
    assert allowed("monitor.capture.decode", MAY_IMPORT["retrain"])
    assert not allowed("storefront", MAY_IMPORT["store"])
