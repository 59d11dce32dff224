"""The generated modules of GoBGP's API, found by version. They are loaded here and nowhere else."""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec import Struct

from topologies.errors import Mistake

PACKAGE = "napalm_gobgp.generated"
FOLDER = Path(__file__).parent / "generated"
VERSIONS = {"v3": "GobgpApi", "v4": "GoBgpService"}  # the service of each
CURES = {"v3": "make stubs", "v4": "make tools"}


class Stubs(Struct, frozen=True):
    """One version of the API: every message and enumeration by its name, and its service."""

    version: str
    service: Any  # a protobuf ServiceDescriptor
    names: dict[str, Any]

    def message(self, name: str, **values: Any) -> Any:
        """A message of that name with these values."""
        return self.names[name](**values)


def made() -> tuple[str, ...]:
    """The versions whose modules were generated."""
    return tuple(version for version in VERSIONS if (FOLDER / version / "__init__.py").exists())


@cache
def load(version: str) -> Stubs:
    """The modules of a version. Raises Mistake, with its cure, where they or the libraries for them are missing."""
    if version not in made():
        cure = f"`{CURES[version]}` makes them, or `python -m napalm_gobgp.generate {version}=FOLDER` from .proto files"
        raise Mistake(f"the modules of GoBGP's API {version} are missing: {cure}")
    try:
        from google.protobuf.runtime_version import VersionError
    except ImportError as error:
        raise Mistake(f"GoBGP's API needs closlab[gobgp]: pip install 'closlab[gobgp]' ({error})") from error
    files = [path.stem for path in sorted((FOLDER / version).glob("*_pb2.py"))]
    try:
        modules = [import_module(f"{PACKAGE}.{version}.{name}") for name in files]
    except VersionError as error:
        raise Mistake(
            f"the modules of GoBGP's API {version} are not for this protobuf: `make stubs` ({error})"
        ) from error
    names = {name: getattr(module, name) for module in modules for name in dir(module) if not name.startswith("_")}
    service = import_module(f"{PACKAGE}.{version}.gobgp_pb2").DESCRIPTOR.services_by_name[VERSIONS[version]]
    return Stubs(version, service, names)
