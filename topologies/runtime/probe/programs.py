"""What programs the machine has, in which version, and whether they answer."""

import json
import mmap
import os
import re
import shlex
import shutil
import stat
from functools import cache
from pathlib import Path

from topologies import process
from topologies.errors import Fault, Mistake
from topologies.process import failure
from topologies.runtime.image import frr_image_name
from topologies.runtime.probe.capability import Capability

FRR_FOLDERS = ("/usr/lib/frr", "/usr/libexec/frr", "/usr/local/sbin")
OLDEST_CONTAINERLAB = (0, 79, 0)
OWN_TOOLS = Path(__file__).parents[3] / ".cache" / "tools"  # where `make tools` builds
NODE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FAKETIME = ("lib*/faketime/libfaketimeMT.so.1", "lib/*/faketime/libfaketimeMT.so.1")  # below /usr
FAKETIME_CURE = "apt-get install libfaketime"
ZTP = {  # program -> Debian's package
    "kea-dhcp4": "kea-dhcp4-server",
    "busybox": "busybox",
    "lldpd": "lldpd",
    "lldpcli": "lldpd",
    "openssl": "openssl",
    "python3": "python3",
}
ZTP_PYTHON = "import http.server, sqlite3, ssl, sys; sys.exit(sys.version_info < (3, 11))"
ZTP_TRIAL = f"""
for each in {" ".join(ZTP)}; do command -v "$each" >/dev/null || echo "$each"; done
command -v python3 >/dev/null || exit 0
python3 -c {shlex.quote(ZTP_PYTHON)} 2>/dev/null || echo "Python 3.11 with its whole library"
"""
NO_IMAGE = "No such image"  # the engine's words
OWN_IMAGE = "make image, and export CLOSLAB_FRR_IMAGE=closlab/frr:bookworm"
NEED_MODULES = b"/proc/modules"
# containerlab asks github.com for newer versions of itself at every start, unless told not to.
ASK_NOBODY = {"CLAB_VERSION_CHECK": "disable"}


@cache
def nsenter() -> Capability:
    """The door into nodes."""
    return _program("nsenter", "running programs inside nodes", package="util-linux")


@cache
def ping() -> Capability:
    """The program that every user tries first."""
    return _program("ping", "trying by hand what reaches what", package="iputils-ping")


@cache
def faketime() -> Capability:
    """The library by which a node's daemons have a time of day of their own."""
    name, use = "libfaketime", "scenarios that set clocks (clock-jump)"
    found = [str(path) for pattern in FAKETIME for path in Path("/usr").glob(pattern)]
    return Capability(name, use, *found[:1]) if found else Capability(name, use, lack="not found", cure=FAKETIME_CURE)


def _program(name: str, use: str, *, package: str) -> Capability:
    """A program that only has to be there."""
    if found := shutil.which(name):
        return Capability(name, use, detail=found)
    return Capability(name, use, lack="not found", cure=f"apt-get install {package}")


@cache
def frr() -> Capability:
    """The machine's own FRR, for the netns runtime."""
    name, use = "FRR", "routers of the netns runtime"
    folder = next((each for each in FRR_FOLDERS if os.access(f"{each}/zebra", os.X_OK)), "")
    if not folder or not os.access(f"{folder}/bgpd", os.X_OK):
        return Capability(name, use, lack="zebra and bgpd not found", cure="make setup")
    version = _version(f"{folder}/zebra", "--version")
    if not version:
        return Capability(name, use, detail=folder, lack=f"{folder}/zebra does not tell its version")
    return Capability(name, use, detail=f"{version} in {folder}")


@cache
def gobgp() -> Capability:
    """GoBGP, for programs that speak BGP."""
    name, use = "GoBGP", "hosts that announce routes by program"
    if found := shutil.which("gobgpd"):
        return Capability(name, use, detail=f"{_version(found, '--version') or 'some version'} at {found}")
    return Capability(name, use, lack="gobgpd not found", cure="apt-get install gobgpd")


@cache
def ztp() -> Capability:
    """What nodes run that provision themselves, looked for where nodes look."""
    name, use = "zero-touch provisioning", "`closlab up --ztp`"
    missing = [program for program in ZTP if not shutil.which(program, path=NODE_PATH)]
    if missing:
        packages = dict.fromkeys(ZTP[program] for program in missing)
        return Capability(name, use, lack=f"no {', '.join(missing)}", cure=f"apt-get install {' '.join(packages)}")
    return Capability(name, use, detail=f"Kea {_version('/usr/sbin/kea-dhcp4', '-v') or 'of some version'}")


@cache
def ztp_image(image: str) -> Capability:
    """The same in an image that is on this machine: it is asked in a container of its own, and not pulled."""
    name, use = f"image {image}", "`closlab up --ztp` on containerlab"
    once = ["docker", "run", "--rm", "--pull=never", "--network=none", "--entrypoint=sh"]
    try:
        done = process.run([*once, image, "-c", ZTP_TRIAL], check=False, timeout=60)
    except Fault as error:
        return Capability(name, use, lack=str(error))
    if done.code:
        lack = "it is not on this machine" if NO_IMAGE in done.stderr else failure(done)
        return Capability(name, use, lack=lack, cure=OWN_IMAGE)
    if lacks := done.stdout.splitlines():
        return Capability(name, use, lack=f"no {', '.join(lacks)}", cure=OWN_IMAGE)
    return Capability(name, use, detail="all there")


@cache
def docker() -> Capability:
    """A Docker engine that answers."""
    name, use = "Docker", "the containerlab runtime"
    if not shutil.which("docker"):
        return Capability(name, use, lack="docker not found", cure="apt-get install docker.io")
    try:
        done = process.run(["docker", "version", "--format", "{{json .Server.Version}}"], check=False, timeout=20)
    except Fault as error:
        return Capability(name, use, lack=str(error))
    if done.code:
        lines = done.stderr.strip().splitlines() or ["it does not answer"]
        return Capability(name, use, lack=lines[-1], cure="systemctl start docker")
    return Capability(name, use, detail=str(json.loads(done.stdout)))


@cache
def containerlab() -> Capability:
    """The real containerlab, new enough, allowed to make links, and fit for this kernel."""
    name, use = "containerlab", "the containerlab runtime"
    found = containerlab_path()
    if not found:
        cure = "make tools, or see containerlab.dev/install"
        return Capability(name, use, lack="not found on PATH, nor named by CLOSLAB_CONTAINERLAB", cure=cure)
    version = _version(found, "version", "--short")
    if lack := too_old(version):
        return Capability(name, use, detail=found, lack=lack, cure="containerlab version upgrade")
    if lack := _forbidden(found):
        return Capability(name, use, detail=found, lack=lack, cure=f"chown root {found} && chmod u+s {found}")
    if not os.path.exists("/proc/modules") and _reads_modules(found):
        lack = "it reads /proc/modules before it deploys, and this kernel, built without modules, has none"
        return Capability(name, use, detail=found, lack=lack, cure="make tools")
    return Capability(name, use, detail=f"{version} at {found}")


@cache
def frr_image() -> Capability:
    """The image of our own labs' nodes, on this machine already."""
    image = frr_image_name(os.environ)
    name, use = "FRR image", "nodes of the containerlab runtime"
    try:
        done = process.run(["docker", "image", "inspect", image], check=False, timeout=20)
    except (Mistake, Fault) as error:
        return Capability(name, use, lack=str(error))
    if done.code:
        cure = f"docker pull {image}, or make image and export CLOSLAB_FRR_IMAGE"
        return Capability(name, use, lack=f"{image} is not on this machine", cure=cure)
    return Capability(name, use, detail=image)


def containerlab_path() -> str:
    """The containerlab to use: CLOSLAB_CONTAINERLAB, else PATH's, else the one that `make tools` built; "" for none."""
    if named := os.environ.get("CLOSLAB_CONTAINERLAB"):
        return shutil.which(named) or ""
    own = shutil.which("containerlab", path=str(OWN_TOOLS))
    return shutil.which("containerlab") or own or ""


def too_old(version: str) -> str:
    """Why a version of containerlab will not do; "" where it will. 0.0.0 is what a build without a version says."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers == (0, 0, 0) or numbers >= OLDEST_CONTAINERLAB:
        return ""
    oldest = ".".join(map(str, OLDEST_CONTAINERLAB))
    return f"version {version or 'unknown'} is older than {oldest}"


def _version(*argv: str) -> str:
    """The first version number that a program prints; "" when it prints none."""
    try:
        done = process.run(argv, check=False, timeout=20, env=os.environ | ASK_NOBODY)
    except (Mistake, Fault):
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?[\w.~+-]*", done.stdout + done.stderr)
    return found.group() if found and not done.code else ""


def _forbidden(path: str) -> str:
    """Why this user cannot have that containerlab make links; "" where they can."""
    status = os.stat(path)
    rooted = os.geteuid() == 0 or (status.st_uid == 0 and bool(status.st_mode & stat.S_ISUID))
    return "" if rooted else "it needs root, or to be owned by root with the set-user-id bit"


def _reads_modules(path: str) -> bool:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return text.find(NEED_MODULES) >= 0
