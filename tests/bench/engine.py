"""A container engine, the node image and containerlab for the measurement: those of the caller, or our own."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.ours import ROOT
from topologies import process

IMAGE = "closlab/frr:bookworm"
TOOL = ROOT / ".cache" / "tools" / "containerlab"


@contextmanager
def engine() -> Iterator[Mapping[str, str]]:
    """What the environment must say so that containerlab works; an engine of our own is removed in the end."""
    process.run([str(ROOT / ".ci" / "containerlab")], timeout=900)
    env = {
        "CLOSLAB_FRR_IMAGE": os.environ.get("CLOSLAB_FRR_IMAGE", IMAGE),
        "CLOSLAB_CONTAINERLAB": os.environ.get("CLOSLAB_CONTAINERLAB", str(TOOL)),
    }
    if process.run(["docker", "version"], check=False).code == 0:
        process.run([str(ROOT / ".ci" / "image")], timeout=900)
        yield env
        return
    folder = tempfile.mkdtemp(prefix="closlab-bench.", dir="/tmp")
    dockerd = str(ROOT / ".ci" / "dockerd")
    try:
        told = process.run([dockerd, "start", folder]).stdout
        env["DOCKER_HOST"] = re.findall(r"DOCKER_HOST=(\S+)", told)[0]
        process.run([str(ROOT / ".ci" / "image")], timeout=900, env={**os.environ, **env})
        yield env
    finally:
        process.run([dockerd, "stop", folder])
        shutil.rmtree(folder, ignore_errors=True)


def versions(env: Mapping[str, str]) -> dict[str, str]:
    """Of the engine and of containerlab."""
    environment = {**os.environ, **env}
    docker = process.run(["docker", "version", "--format", "{{.Server.Version}}"], env=environment).stdout.strip()
    clab = process.run([env["CLOSLAB_CONTAINERLAB"], "version", "--short"], env=environment).stdout.strip()
    return {"containerlab": clab, "docker": docker}
