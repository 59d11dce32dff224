"""The program in the server's node: `server.pyz FOLDER PORT`; FOLDER has what it hands out, and its keys."""

import os
import ssl
import sys
import threading
import time
from functools import partial
from pathlib import Path

from automation.ztp.agent.signature import sign
from automation.ztp.server.desk import Desk
from automation.ztp.server.registry import Registry
from automation.ztp.server.service import Doors

MEMORY = Path("/var/lib/ztp/registry.sqlite")
LOOPBACK_PORT = 8080


def main(words: list[str]) -> int:
    """Serve until somebody ends this process."""
    if len(words) != 2 or not words[1].isdigit():
        print("server: it takes FOLDER PORT", file=sys.stderr)
        return 2
    os.umask(0o077)
    serve(Path(words[0]), int(words[1]))
    return 0


def serve(folder: Path, port: int) -> None:
    """Open both doors."""
    MEMORY.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    desk = Desk(Registry(str(MEMORY)), folder, partial(sign, str(folder / "signer.key")), time.time)
    if not desk.registry.switches():
        desk.watch()  # on behalf of whoever brings this lab up, and cannot ask yet
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(folder / "server.pem", folder / "server.key")
    switches, lab = Doors(("0.0.0.0", port), desk, tls), Doors(("127.0.0.1", LOOPBACK_PORT), desk, None)
    threading.Thread(target=lab.serve_forever, daemon=True).start()
    switches.serve_forever()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
