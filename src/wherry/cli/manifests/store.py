"""Where lists are put together: a folder a list below docker's configuration folder."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from wherry import atomicfile
from wherry.cli.credentials.configfile import folder
from wherry.cli.failures import Failure
from wherry.cli.manifests.listed import Listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.spec.reference import Reference


class NotStored(Failure):
    """The store holds no such list or manifest."""

    def __init__(self, name: Reference) -> None:
        super().__init__(f"No such manifest: {name}")


class ManifestStore:
    """The lists of the person who runs the command. OSError from its files is let through."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._root = os.path.join(folder(environ), "manifests")

    def get(self, target: Reference, name: Reference) -> Listed:
        """One manifest of a list. Raises `NotStored`, `Failure`."""
        return self._read(self._path(target, name), name)

    def list(self, target: Reference) -> list[Listed]:
        """Every manifest of a list. Raises `NotStored`, `Failure`."""
        try:
            names = sorted(os.listdir(self._path(target)))
        except FileNotFoundError:
            raise NotStored(target) from None
        return [self._read(os.path.join(self._path(target), name), target) for name in names]

    def has(self, target: Reference) -> bool:
        """Whether there is such a list."""
        return os.path.isdir(self._path(target))

    def save(self, target: Reference, name: Reference, manifest: Listed) -> None:
        """Put a manifest into a list."""
        os.makedirs(self._path(target), exist_ok=True)
        atomicfile.write(self._path(target, name), json.dumps(manifest.to_json()).encode())

    def remove(self, target: Reference) -> None:
        """Remove a list. Raises `NotStored`."""
        if not self.has(target):
            raise NotStored(target)
        shutil.rmtree(self._path(target))

    def _path(self, *names: Reference) -> str:
        parts = [str(name).replace(":", "-").replace("/", "_") for name in names]
        return os.path.join(self._root, *parts)

    def _read(self, path: str, name: Reference) -> Listed:
        try:
            with open(path, "rb") as file:
                return Listed.from_json(json.load(file), path)
        except FileNotFoundError:
            raise NotStored(name) from None
        except ValueError:
            raise Failure(f"{path} is not JSON: create the list anew") from None
