"""Files of weights that lie in packages of others, which an extra brings. Imports none of those packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from viseme.core.errors import BadHash
from viseme.core.extras import missing_extra
from viseme.weights.catalog import sha256_of

__all__ = ["packaged_file"]


def packaged_file(package: str, file: str, sha256: str) -> Path:
    """A file inside an installed package.

    Args:
        package: Its name where it is imported; one of `viseme.core.extras.EXTRAS`.
        file: Path inside it.
        sha256: What the file must hash to.

    Raises:
        MissingExtra: the package is not installed; the message says which extra brings it.
        MissingWeights: it is installed without the file.
        BadHash: the file is another.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        told = missing_extra(ModuleNotFoundError(name=package))
        assert told is not None, f"no extra brings {package}"
        raise told
    path = Path(spec.submodule_search_locations[0]) / file
    if sha256_of(path) != sha256:
        raise BadHash(f"{path} is not the file it should be; install the package {package} again")
    return path
