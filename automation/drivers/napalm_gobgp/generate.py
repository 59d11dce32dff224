"""Make the Python modules of GoBGP's API from its .proto files: `python -m napalm_gobgp.generate v3=FOLDER v4=FOLDER`.

They are made where closlab is built or installed and never kept in its repository. Both versions may be loaded by one
process: each file is known by its path in this package, where upstream's are both called gobgp.proto.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from napalm_gobgp.stubs import FOLDER, PACKAGE, VERSIONS
from topologies.errors import EXIT_FINE, ClosError, Fault, Mistake

DEBIAN = Path("/usr/share/gocode/src/github.com/osrg/gobgp/api")  # of golang-github-osrg-gobgp-dev, version 3
NEEDED = "gobgp.proto"
_IMPORT = re.compile(r'^import "(?:api/)?(\w+\.proto)";', re.MULTILINE)


def generate(version: str, source: Path) -> None:
    """Make the modules of one version from a folder of .proto files; whole or not at all.

    Raises Mistake where the folder has none or the compiler is not installed, Fault where it takes them not.
    """
    files = {path.name: path.read_text() for path in sorted(source.glob("*.proto"))}
    if NEEDED not in files:
        raise Mistake(
            f"{source}: there is no {NEEDED}; Debian's golang-github-osrg-gobgp-dev has version 3, GoBGP's own 4"
        )
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "__init__.py").touch()
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".") as work:
        place = Path(work) / PACKAGE.replace(".", "/") / version
        place.mkdir(parents=True)
        for name, text in renamed(files, version).items():
            (place / name).write_text(text)
        _compile(Path(work), sorted(place.glob("*.proto")))
        for each in place.glob("*.proto"):
            each.unlink()
        (place / "__init__.py").touch()
        shutil.rmtree(FOLDER / version, ignore_errors=True)
        place.rename(FOLDER / version)


def renamed(files: Mapping[str, str], version: str) -> Mapping[str, str]:
    """The files with each other's names as they are known here."""
    here = f"{PACKAGE.replace('.', '/')}/{version}"

    def known(found: "re.Match[str]") -> str:
        return f'import "{here}/{found[1]}";' if found[1] in files else found[0]

    return {name: _IMPORT.sub(known, text) for name, text in files.items()}


def _compile(folder: Path, files: Sequence[Path]) -> None:
    try:
        import grpc_tools
        from grpc_tools import protoc
    except ImportError as error:
        raise Mistake(f"the compiler of .proto files is missing: pip install grpcio-tools ({error})") from error
    own = Path(grpc_tools.__file__).parent / "_proto"  # google/protobuf/*.proto
    if code := protoc.main(["protoc", f"-I{folder}", f"-I{own}", f"--python_out={folder}", *map(str, files)]):
        raise Fault(f"protoc ended with exit code {code}; what it says is above")


def main(words: Sequence[str]) -> int:
    """One command line; without words, version 3 as Debian installs it."""
    try:
        for word in words or [f"v3={DEBIAN}"]:
            version, _, source = word.partition("=")
            if version not in VERSIONS or not source:
                raise Mistake(f"{word!r}: it must be VERSION=FOLDER; there are the versions {', '.join(VERSIONS)}")
            generate(version, Path(source))
            print(f"GoBGP's API {version} is in {FOLDER / version}")
    except ClosError as error:
        print(f"napalm_gobgp.generate: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_FINE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
