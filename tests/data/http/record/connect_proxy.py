"""A proxy that knows CONNECT only: connect_proxy.py PORT ORIGIN_PORT. Every host is the origin."""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def pump(source, sink):
    while data := source.recv(16_384):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_CONNECT(self):
        origin = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        self.send_response(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        back = threading.Thread(target=pump, args=(origin, self.connection))
        back.start()
        pump(self.connection, origin)
        back.join()
        self.close_connection = True


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
