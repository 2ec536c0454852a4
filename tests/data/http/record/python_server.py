"""Python's own server: HTTP/1.0, where a body ends with its connection, or HTTP/1.1, by the second word.

python_server.py PORT 1.0|1.1 ROOT
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = f"HTTP/{sys.argv[2]}"
    root = Path(sys.argv[3])

    def log_message(self, *_):
        pass

    def do_GET(self):
        words = self.path.partition("?")[0].split("/")
        data = (self.root / words[-1]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        # A long way to say nothing: folded field values are obsolete, repeated fields are not.
        self.send_header("X-Part", "one")
        self.send_header("X-Part", "two")
        if words[1] == "until-close":
            self.close_connection = True
            self.end_headers()
            self.wfile.write(data)
            return
        if words[1] == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(data), 7001):
                piece = data[at : at + 7001]
                # Chunk extensions may be there and mean nothing to us.
                self.wfile.write(b"%X;part=%d\r\n%s\r\n" % (len(piece), at, piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        data = self.body()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
