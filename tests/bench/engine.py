"""A container engine, the node image and containerlab for the measurement: those of the caller, or our own."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.ours import ROOT
from topologies import process

IMAGE = "closlab/frr:bookworm"
TOOL = ROOT / ".cache" / "tools" / "containerlab"


@dataclass(frozen=True, slots=True)
class Engine:
    """What the environment must say so that containerlab works, and how the engine is started again where it lost count
    of its own networks' ends: ours is, one of the caller is not ours to touch."""

    env: Mapping[str, str]
    again: Callable[[], object] = lambda: None


@contextmanager
def engine() -> Iterator[Engine]:
    """The engine; one of our own is removed in the end."""
    process.run([str(ROOT / ".ci" / "containerlab")], timeout=900)
    env = {
        "CLOSLAB_FRR_IMAGE": os.environ.get("CLOSLAB_FRR_IMAGE", IMAGE),
        "CLOSLAB_CONTAINERLAB": os.environ.get("CLOSLAB_CONTAINERLAB", str(TOOL)),
    }
    if process.run(["docker", "version"], check=False).code == 0:
        process.run([str(ROOT / ".ci" / "image")], timeout=900)
        yield Engine(env)
        return
    folder = tempfile.mkdtemp(prefix="closlab-bench.", dir="/tmp")
    dockerd = str(ROOT / ".ci" / "dockerd")

    def again() -> None:
        process.run([dockerd, "stop", folder])
        process.run([dockerd, "start", folder])

    try:
        told = process.run([dockerd, "start", folder]).stdout
        env["DOCKER_HOST"] = re.findall(r"DOCKER_HOST=(\S+)", told)[0]
        process.run([str(ROOT / ".ci" / "image")], timeout=900, env={**os.environ, **env})
        yield Engine(env, again)
    finally:
        process.run([dockerd, "stop", folder])
        shutil.rmtree(folder, ignore_errors=True)


def versions(env: Mapping[str, str]) -> dict[str, str]:
    """Of the engine and of containerlab."""
    environment = {**os.environ, **env}
    docker = process.run(["docker", "version", "--format", "{{.Server.Version}}"], env=environment).stdout.strip()
    clab = process.run([env["CLOSLAB_CONTAINERLAB"], "version", "--short"], env=environment).stdout.strip()
    return {"containerlab": clab, "docker": docker}
