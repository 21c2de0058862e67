"""Each layer imports only lower ones (docs/architecture.md), and no import goes in a circle."""

from __future__ import annotations

from tests.house.source import Import, imports, modules

# The first row whose name is the module's or a parent's decides; a layer is a number, and within
# one layer a folder may import itself, and siblings only where SIBLINGS says so.
LAYERS = {
    "wherry.errors": 0,
    "wherry.spec": 0,
    "wherry.dockerfile": 0,
    "wherry.jsontext": 1,
    "wherry.atomicfile": 1,
    "wherry.kernel": 1,
    "wherry.http": 1,
    "wherry.runtime": 2,
    "wherry.storage": 3,
    "wherry.image": 3,
    "wherry.registry": 3,
    "wherry.engine": 4,
    "wherry.api": 5,
    "wherry.daemon": 6,
    "wherry.cli": 6,
    "wherry": 0,
}
SIBLINGS = {
    ("wherry.spec", "wherry.errors"),
    ("wherry.dockerfile", "wherry.errors"),
    ("wherry.image", "wherry.storage"),
    ("wherry.registry", "wherry.image"),
    ("wherry.registry", "wherry.storage"),
}
# What upper layers may see of the runtime; keeper and launcher are started as processes.
RUNTIME_SURFACE = {
    "wherry.runtime",
    "wherry.runtime.protocol",
    "wherry.runtime.plan",
    "wherry.runtime.foreign.plan",
}
# The engine's half of a role whose Protocol lives beside its consumer (style.md, item 10).
ROLES_OF_CONSUMERS = {"wherry.api.backend"}


def _folder(module: str) -> str:
    return next(name for name in LAYERS if module == name or module.startswith(name + "."))


def _allowed(found: Import) -> bool:
    above, below = _folder(found.importer), _folder(found.imported)
    if above == below or found.imported == "wherry":
        return True
    if below == "wherry.runtime" and found.imported not in RUNTIME_SURFACE:
        return False
    if found.imported in ROLES_OF_CONSUMERS and above == "wherry.engine":
        return True
    return LAYERS[above] > LAYERS[below] or (above, below) in SIBLINGS


def test_layers_import_only_lower_ones() -> None:
    wrong = [
        f"{found.importer}:{found.line} imports {found.imported}"
        for name, path in modules().items()
        for found in imports(name, path)
        if not _allowed(found)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles() -> None:
    graph = {
        name: {found.imported for found in imports(name, path)} - {name}
        for name, path in modules().items()
    }
    cycle = _find_cycle(graph)
    assert not cycle, " -> ".join(cycle)


def _find_cycle(graph: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for below in sorted(graph.get(name, ())):
            if cycle := visit(below, [*trail, name]):
                return cycle
        done.add(name)
        return []

    for name in graph:
        if cycle := visit(name, []):
            return cycle
    return []
