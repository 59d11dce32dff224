"""`python -m gateway.grpc.generate`: make the Python module of gateway.proto, before a build or a test."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
MADE = HERE / "generated"


def generate() -> int:
    """Make it; returns the exit code of the compiler of protobuf."""
    import grpc_tools
    from grpc_tools import protoc

    MADE.mkdir(exist_ok=True)
    (MADE / "__init__.py").write_text('"""Made from gateway.proto; not to be edited."""\n')
    known = Path(grpc_tools.__file__).parent / "_proto"
    words = [f"-I{HERE}", f"-I{known}", f"--python_out={MADE}", str(HERE / "gateway.proto")]
    return int(protoc.main(["protoc", *words]))


if __name__ == "__main__":
    sys.exit(generate())
