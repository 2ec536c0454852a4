"""A WebSocket client: websocket_client.py PORT AUTHORITY TARGET deflate|plain FILE…

Sends each file as a message (text if its name says so) and a ping, and checks that the message comes back. One JSON
object goes to standard output.
"""

import json
import socket
import sys
from pathlib import Path

from websockets.sync.client import connect

port, authority, target, compression, *files = sys.argv[1:]
stream = socket.create_connection(("127.0.0.1", int(port)))
compression = None if compression == "plain" else compression
with connect(f"ws://{authority}{target}", sock=stream, compression=compression, proxy=None) as connection:
    for name in files:
        data = Path(name).read_bytes()
        message = data.decode() if name.endswith((".txt", ".json")) else data
        connection.send(message)
        assert connection.recv() == message
        connection.ping().wait(5)
    told = {
        "status": connection.response.status_code,
        "port": stream.getsockname()[1],
        "request_headers": list(connection.request.headers.raw_items()),
        "headers": list(connection.response.headers.raw_items()),
    }
print(json.dumps(told))
