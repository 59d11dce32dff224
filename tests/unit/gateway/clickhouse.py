"""A server that speaks ClickHouse's HTTP interface, as far as its own client needs it: `python clickhouse.py FOLDER`.
What answers is ClickHouse itself, embedded; the port that it listens at is what it says first."""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session

FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


def serve(folder: Path) -> None:
    """Serve until the end."""
    session, turn = Session(str(folder)), Lock()

    def answered(query: str, data: bytes) -> bytes:
        """The result of a statement; `data` is what an INSERT inserts."""
        if query.upper().lstrip().startswith("INSERT"):
            with NamedTemporaryFile(suffix=".native") as file:
                file.write(data)
                file.flush()
                head, kind = FORMAT.sub("", query), FORMAT.search(query)
                assert kind is not None, "it says in what format it sends"
                session.query(f"{head} FROM INFILE '{file.name}' FORMAT {kind[1]}")
            return b""
        found = FORMAT.search(query)
        result: bytes = session.query(FORMAT.sub("", query), found[1] if found else "TabSeparated").bytes()
        return result

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self._body()
            asked = parse_qs(urlsplit(self.path).query).get("query", [""])[0]
            first, _, rest = sent.partition(b"\n")
            if asked:
                query, data = asked, sent
            elif first.upper().startswith(b"INSERT"):
                query, data = first.decode(), rest
            else:
                query, data = sent.decode(), b""
            try:
                with turn:
                    status, body = 200, answered(query, data)
            except RuntimeError as error:
                status, body = 500, str(error).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def _body(self) -> bytes:
            """What was sent, whole: the client sends what it inserts in chunks."""
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
