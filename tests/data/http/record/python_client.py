"""Python's own client, and a bare socket that pipelines: python_client.py PLAN

The plan is JSON: { host, port, authority, pipeline, requests: [{ method, target, headers, body, chunked, out }] }. A
connection is used again as long as the server lets it. One JSON object a line goes to standard output.
"""

import http.client
import json
import socket
import sys
from pathlib import Path

plan = json.loads(Path(sys.argv[1]).read_text())


def pieces(data):
    for at in range(0, len(data), 5000):
        yield data[at : at + 5000]


def ask():
    connection = http.client.HTTPConnection(plan["host"], plan["port"])
    for request in plan["requests"]:
        body = Path(request["body"]).read_bytes() if request.get("body") else None
        headers = {"Host": plan["authority"], **request.get("headers", {})}
        if body and request.get("chunked"):
            connection.request(request["method"], request["target"], pieces(body), headers, encode_chunked=True)
        else:
            connection.request(request["method"], request["target"], body, headers)
        port = connection.sock.getsockname()[1]
        response = connection.getresponse()
        Path(request["out"]).write_bytes(response.read())
        told = {
            "target": request["target"],
            "status": response.status,
            "headers": response.getheaders(),
            "port": port,
        }
        print(json.dumps(told))
    connection.close()


def pipeline():
    """Every request at once; the answers are read until the server has given the last."""
    stream = socket.create_connection((plan["host"], plan["port"]))
    text = ""
    for number, request in enumerate(plan["requests"]):
        last = "Connection: close\r\n" if number + 1 == len(plan["requests"]) else ""
        text += f"{request['method']} {request['target']} HTTP/1.1\r\nHost: {plan['authority']}\r\n{last}\r\n"
    stream.sendall(text.encode())
    reader = stream.makefile("rb")
    # A response that is forgotten closes the reader.
    responses = []
    for request in plan["requests"]:
        response = http.client.HTTPResponse(stream, method=request["method"])
        # Each response object would buffer bytes of the next one: all read from one buffer.
        response.fp = reader
        responses.append(response)
        response.begin()
        left = response.length or 0
        Path(request["out"]).write_bytes(reader.read(left))
        told = {
            "target": request["target"],
            "status": response.status,
            "headers": response.getheaders(),
            "port": stream.getsockname()[1],
        }
        print(json.dumps(told))
    reader.close()
    stream.close()


pipeline() if plan.get("pipeline") else ask()
