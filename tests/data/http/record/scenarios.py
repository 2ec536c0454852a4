"""The scenarios: who asks whom for what. Each becomes one file of frames."""

import gzip
import hashlib
import json
import subprocess

import programs
from clients import Transfer, by_plan, check, curl, decode, node
from expected import Scenario
from programs import HERE
from relay import Relay


class Bench:
    """Where the recording works: files to serve, files to send, a folder for the rest."""

    def __init__(self, folder, files, interpreter):
        self.files = files
        # A Python with the packages `websockets` and `httpx`.
        self.interpreter = interpreter
        self.work = folder / "work"
        self.work.mkdir()
        self.root = folder / "files"
        self.root.mkdir()
        for name, data in files.items():
            (self.root / name).write_bytes(data)
        # No Last-Modified of today in the recording.
        for path in self.root.iterdir():
            subprocess.run(["touch", "-d", "2026-01-02 03:04:05 UTC", path], check=True)

    def path(self, name):
        return self.root / name

    def folder(self, name):
        folder = self.work / name
        folder.mkdir()
        return folder


def through(scenario, port, host="127.0.0.1"):
    relay = Relay(("127.0.0.1", port), host)
    scenario.relays.append(relay)
    return relay


def finish(scenario):
    for relay in scenario.relays:
        relay.finish()
    return scenario


def curl_nginx(bench):
    scenario = Scenario("curl-nginx-http1", "curl and nginx over HTTP/1.1: gzip, ranges, 204, 301, 304, 404, HEAD, HTTP/1.0")
    files, work = bench.files, bench.folder(scenario.name)
    with programs.nginx(bench.root, work / "nginx") as (port, _):
        relay = through(scenario, port)
        etag = nginx_etag(bench, "text.txt")

        def go(*transfers, http="1.1", flags=()):
            curl(scenario, relay, "files.test", http, transfers, work, *flags)

        text = files["text.txt"]
        # One connection for all of them.
        go(
            Transfer("/index.html?n=1", body=files["index.html"]),
            Transfer("/items.json?n=2", "--compressed", body=files["items.json"]),
            Transfer("/text.txt?n=3", "-I", method="HEAD"),
            Transfer("/text.txt?n=4", "-H", f"If-None-Match: {etag}", status=304),
            Transfer("/text.txt?n=5", "-r", "1000-2999", body=text[1000:3000], status=206),
            Transfer("/nothing?n=6", status=204),
            Transfer("/empty.txt?n=7"),
            Transfer("/decoy.txt?n=8", body=files["decoy.txt"]),
            Transfer("/exact.bin?n=9", body=files["exact.bin"]),
            Transfer("/double.bin?n=10", body=files["double.bin"]),
            Transfer("/over.bin?n=11", body=files["over.bin"]),
            Transfer("/missing?n=12", status=404, body=None),
            Transfer(
                "/moved?n=13", "-L", body=files["tiny.txt"], hops=[(301, "/tiny.txt?after=13", None)]
            ),
        )
        go(Transfer("/large.txt?n=14", body=files["large.txt"]))
        go(Transfer("/large.txt?n=15", "--compressed", body=files["large.txt"]))
        go(Transfer("/random.bin?n=16", body=files["random.bin"]))
        # HTTP/1.0: nothing but the end of the connection ends a body whose length was not known.
        go(Transfer("/text.txt?n=17", "--compressed", body=text), http="1.0")
        go(
            Transfer("/stored/a.txt?n=18", "-T", bench.path("text.txt"), method="PUT", status=201, sent=text),
            Transfer("/stored/a.txt?n=19", "--compressed", body=text),
            Transfer("/stored/a.txt?n=20", "-X", "DELETE", method="DELETE", status=204),
        )
        # The server closes after each: one process, several connections in turn.
        go(
            Transfer("/tiny.txt?n=21", "-H", "Connection: close", body=files["tiny.txt"]),
            Transfer("/style.css?n=22", "-H", "Connection: close", "--compressed", body=files["style.css"]),
        )
        finish(scenario)
    return scenario


def nginx_etag(bench, name):
    """nginx: time and size in hex."""
    status = bench.path(name).stat()
    return f'"{int(status.st_mtime):x}-{status.st_size:x}"'


def curl_node(bench):
    scenario = Scenario(
        "curl-node-http1",
        "curl and node over HTTP/1.1: br, zstd, deflate, two codings, uploads, 100, 103, trailers, events, multipart",
    )
    files, work = bench.files, bench.folder(scenario.name)
    with programs.node(bench.root, work / "log", is_http2=False) as port:
        relay = through(scenario, port)

        def go(*transfers, flags=()):
            curl(scenario, relay, "api.test", "1.1", transfers, work, *flags)

        large, text = files["large.txt"], files["text.txt"]
        go(
            Transfer("/coded/br/length/items.json?n=1", "--compressed", body=files["items.json"]),
            Transfer("/coded/zstd/length/items.json?n=2", "--compressed", body=files["items.json"]),
            Transfer("/coded/gzip/chunked/items.json?n=3", "--compressed", body=files["items.json"]),
            Transfer("/coded/deflate/chunked/items.json?n=4", "--compressed", body=files["items.json"]),
            Transfer("/coded/gzip+br/chunked/items.json?n=5", "--compressed", body=files["items.json"]),
            Transfer("/chunked/700/text.txt?n=6", body=text),
            Transfer("/trailers/items.json?n=7", body=files["items.json"]),
            Transfer("/early/tiny.txt?n=8", body=files["tiny.txt"]),
            Transfer("/moved/tiny.txt?n=9", "-L", body=files["tiny.txt"], hops=[(302, "/file/tiny.txt?after=9", b"elsewhere\n")]),
            Transfer("/events/12?n=10", "-N", body=events(12)),
            Transfer("/nothing?n=11", status=204),
            Transfer("/coded/gzip/chunked/zeros.bin?n=12", "--compressed", body=files["zeros.bin"]),
        )
        go(Transfer("/coded/br/chunked/large.txt?n=13", "--compressed", body=large))
        go(Transfer("/coded/zstd/chunked/large.txt?n=14", "--compressed", body=large))
        packed = work / "items.json.gz"
        packed.write_bytes(gzip.compress(files["items.json"], mtime=0))
        form = b"user=alice&password=s3cr3t&again=%C3%A4"
        go(
            upload(bench, "/upload?n=15", "random.bin", "-T", bench.path("random.bin"), "-H", "Expect: 100-continue", method="PUT"),
            upload(bench, "/upload?n=16", "text.txt", "-T", bench.path("text.txt"), "-H", "Transfer-Encoding: chunked", "-H", "Expect:", method="PUT"),
            Transfer("/echo?n=17", "-d", form.decode(), method="POST", sent=form, body=form),
            Transfer(
                "/upload?n=18", "--data-binary", f"@{packed}", "-H", "Content-Encoding: gzip", "-H", "Content-Type: application/json",
                method="POST", status=201, sent=files["items.json"], body=receipt(files["items.json"]),
            ),
            Transfer("/echo?n=19", "-F", "comment=two files", "-F", f"file=@{bench.path('tiny.txt')};type=text/plain",
                     "-F", f"image=@{bench.path('exact.bin')}", method="POST", sent=None, body=None),
        )  # fmt: skip
        go(Transfer("/closing/tiny.txt?n=20", body=files["tiny.txt"]), Transfer("/file/style.css?n=21", body=files["style.css"]))
        finish(scenario)
    return scenario


def receipt(data):
    """What the server says of an upload."""
    return (json.dumps({"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}, separators=(",", ":")) + "\n").encode()


def upload(bench, target, name, *flags, method):
    data = bench.files[name]
    return Transfer(target, *flags, method=method, status=201, sent=data, body=receipt(data))


def events(count):
    return b"".join(b'id: %d\nevent: tick\ndata: {"number":%d}\n\n' % (number, number) for number in range(count))


def python_python(bench):
    scenario = Scenario(
        "python-http1",
        "Python's client and server: HTTP/1.0 bodies that end with the connection, chunks with extensions, repeated fields; both ends",
        both_ends=True,
        server_read_bytes=8192,
    )
    files = bench.files
    for number, protocol in enumerate(["1.0", "1.1"]):
        work = bench.folder(f"{scenario.name}-{protocol}")
        with programs.python("python3", "python_server.py", protocol, bench.root) as port:
            relay = through(scenario, port)
            first = number * 10
            routes = ["until-close", "length"] if protocol == "1.0" else ["chunks", "length", "until-close"]
            requests = [
                {"method": "GET", "target": f"/{route}/{name}?n={first + at}", "name": name}
                for at, (route, name) in enumerate([(route, name) for route in routes for name in ("items.json", "tiny.txt")])
            ]
            if protocol == "1.1":
                chunked = {"method": "POST", "target": "/echo?n=18", "body": str(bench.path("items.json")), "chunked": True}
                requests.insert(2, {**chunked, "name": "items.json"})
                requests.insert(3, {"method": "POST", "target": "/echo?n=19", "body": str(bench.path("text.txt")), "name": "text.txt"})
            plan = {"host": relay.host, "port": relay.port, "authority": "python.test", "requests": requests}
            told = by_plan(["python3", HERE / "python_client.py"], plan, work)
            for request in requests:
                result, data = told[request["target"]], files[request["name"]]
                check(scenario, request["target"], result["body"], data)
                scenario.exchange(
                    port=result["port"],
                    http=protocol if protocol == "1.0" else "1.1",
                    method=request["method"],
                    target=request["target"],
                    host="python.test",
                    status=result["status"],
                    request=data if "body" in request else b"",
                    response=data,
                    response_headers=result["headers"],
                )
            relay.finish()
    return scenario


def pipelining(bench):
    scenario = Scenario("pipelining", "eight requests in one write to nginx, HEAD and 404 among them; over IPv6")
    work = bench.folder(scenario.name)
    with programs.nginx(bench.root, work / "nginx") as (port, _):
        relay = through(scenario, port, "::1")
        names = ["tiny.txt", "text.txt", "empty.txt", "decoy.txt", "exact.bin", "missing", "style.css", "tiny.txt"]
        requests = [
            {"method": "HEAD" if number in (3, 6) else "GET", "target": f"/{name}?n={number}", "name": name}
            for number, name in enumerate(names)
        ]
        plan = {"host": relay.host, "port": relay.port, "authority": "files.test", "pipeline": True, "requests": requests}
        told = by_plan(["python3", HERE / "python_client.py"], plan, work)
        for request in requests:
            result = told[request["target"]]
            data = bench.files.get(request["name"], result["body"]) if request["method"] == "GET" else b""
            check(scenario, request["target"], result["body"], data)
            scenario.exchange(
                port=result["port"], http="1.1", method=request["method"], target=request["target"], host="files.test",
                status=result["status"], response=data, request_headers=None, response_headers=result["headers"],
            )  # fmt: skip
        finish(scenario)
    return scenario


def by_node(scenario, bench, relay, log, work, plan):
    """Makes the requests of a plan with node; `name` and `sent` of each are the files that come and go."""
    plan = {"host": relay.host, "port": relay.port, **plan}
    is_http2 = plan["protocol"] == "h2"
    for request in plan["requests"]:
        if "sent" in request and "body" not in request:
            request["body"] = str(bench.path(request["sent"]))
    told = node(plan, work)
    seen = {}
    for line in log.read_text().splitlines():
        line = json.loads(line)
        seen[line["target"]] = line
    for request in plan["requests"]:
        result, at_server = told[request["target"]], seen.get(request["target"], {})
        data = bench.files.get(request.get("name"), request.get("answer"))
        is_whole = not (is_http2 and result["reset"]) and not result.get("error")
        headers = result.get("headers")
        if is_whole and request["method"] != "HEAD":
            check(scenario, request["target"], decode(result["body"], header(headers, "content-encoding")), data)
        # node forgets the number of a stream that was refused.
        more = {"http2_stream": result.get("stream")} if is_http2 else {}
        if not is_whole:
            more["reset"] = result["reset"]
            # What arrived before it was given up is the beginning of this body.
            more["beginning_of"] = request.get("name")
            more["received_bytes"] = len(result.get("body", b""))
        scenario.exchange(
            port=result["port"],
            http="2" if is_http2 else "1.1",
            method=request["method"],
            target=request["target"],
            host=plan["authority"],
            status=result.get("status"),
            request=bench.files[request["sent"]] if "sent" in request else request.get("sends", b""),
            response=data if is_whole else None,
            request_headers=at_server.get("headers"),
            response_headers=headers,
            request_trailers=at_server.get("trailers"),
            response_trailers=result.get("trailers"),
            **more,
        )


def header(headers, name):
    return next((value for each, value in headers or [] if each.lower() == name), None)


def node_node(bench):
    scenario = Scenario(
        "node-http1", "node and node over two connections at a time: chunks and trailers both ways; both ends", both_ends=True
    )
    work = bench.folder(scenario.name)
    with programs.node(bench.root, work / "log", is_http2=False) as port:
        relay = through(scenario, port)
        requests = [
            {"method": "GET", "target": f"/coded/{coding}/chunked/items.json?n={number}", "name": "items.json"}
            for number, coding in enumerate(["gzip", "br", "deflate", "zstd"])
        ]
        requests += [
            {"method": "POST", "target": "/echo?n=10", "sent": "items.json", "name": "items.json", "chunked": True,
             "trailers": {"X-Checked": "yes"}, "headers": {"Trailer": "X-Checked", "Transfer-Encoding": "chunked"}},
            {"method": "POST", "target": "/echo?n=11", "sent": "text.txt", "name": "text.txt"},
            {"method": "GET", "target": "/trailers/style.css?n=12", "name": "style.css"},
            {"method": "HEAD", "target": "/file/text.txt?n=13", "answer": b""},
            {"method": "GET", "target": "/nothing?n=14", "answer": b""},
            {"method": "GET", "target": "/file/tiny.txt?n=15", "name": "tiny.txt"},
        ]  # fmt: skip
        plan = {"protocol": "h1", "authority": "api.test", "sockets": 2, "parallel": True, "requests": requests}
        by_node(scenario, bench, relay, work / "log", work, plan)
        finish(scenario)
    return scenario


def curl_nginx_http2(bench):
    scenario = Scenario("curl-nginx-http2", "curl and nginx over HTTP/2, a connection each: gzip, HEAD, 204, 206, 304, uploads")
    files, work = bench.files, bench.folder(scenario.name)
    with programs.nginx(bench.root, work / "nginx") as (_, port):
        relay = through(scenario, port)
        etag = nginx_etag(bench, "text.txt")
        text = files["text.txt"]
        # This curl cannot use a connection without TLS twice for HTTP/2.
        for transfer in (
            Transfer("/items.json?n=2", "--compressed", body=files["items.json"]),
            Transfer("/text.txt?n=3", "-I", method="HEAD"),
            Transfer("/text.txt?n=4", "-H", f"If-None-Match: {etag}", status=304),
            Transfer("/text.txt?n=5", "-r", "1000-2999", body=text[1000:3000], status=206),
            Transfer("/nothing?n=6", status=204),
            Transfer("/empty.txt?n=7"),
            Transfer("/missing?n=8", status=404, body=None),
            Transfer("/stored/b.bin?n=9", "-T", bench.path("random.bin"), method="PUT", status=201, sent=files["random.bin"]),
            Transfer("/stored/b.bin?n=10", "-X", "DELETE", method="DELETE", status=204),
            Transfer("/large.txt?n=11", body=files["large.txt"]),
        ):
            curl(scenario, relay, "files.test", "2", [transfer], work)
        finish(scenario)
    return scenario


def httpx_nginx_http2(bench):
    scenario = Scenario(
        "httpx-nginx-http2", "Python's httpx and nginx over HTTP/2: one connection used again and again, then twelve streams at a time"
    )
    files = bench.files
    one_by_one = [
        {"method": "GET", "target": f"/{name}?n={number}", "name": name}
        for number, name in enumerate(["index.html", "items.json", "style.css", "empty.txt", "decoy.txt", "large.txt"])
    ]
    one_by_one += [
        {"method": "PUT", "target": "/stored/a.txt?n=10", "sent": "text.txt", "answer": b""},
        {"method": "GET", "target": "/stored/a.txt?n=11", "name": "text.txt"},
        {"method": "GET", "target": "/text.txt?n=12", "answer": b"", "headers": {"If-None-Match": nginx_etag(bench, "text.txt")}},
        {"method": "GET", "target": "/moved?n=13", "name": "tiny.txt", "follow": True},
        {"method": "HEAD", "target": "/text.txt?n=14", "answer": b""},
    ]
    names = ["tiny.txt", "items.json", "style.css", "index.html", "text.txt", "exact.bin"] * 2
    at_once = [{"method": "GET", "target": f"/{name}?p={number}", "name": name} for number, name in enumerate(names)]
    with programs.nginx(bench.root, bench.folder(scenario.name) / "nginx") as (_, port):
        relay = through(scenario, port)
        for requests, is_parallel in ((one_by_one, False), (at_once, True)):
            work = bench.folder(f"{scenario.name}-{is_parallel}")
            for request in requests:
                if "sent" in request:
                    request["body"] = str(bench.path(request["sent"]))
            plan = {"host": relay.host, "port": relay.port, "authority": "files.test", "parallel": is_parallel, "requests": requests}
            told = by_plan([bench.interpreter, HERE / "httpx_client.py"], plan, work)
            for request in requests:
                result = told[request["target"]]
                data = files[request["name"]] if "name" in request else b""
                answers = [(request["target"], None if request.get("follow") else data)]
                if request.get("follow"):
                    # What nginx says of a redirect is its own.
                    answers.append((f"/tiny.txt?after={request['target'][-2:]}", data))
                else:
                    check(scenario, request["target"], result["body"], data)
                for target, body in answers:
                    result = told[target]
                    scenario.exchange(
                        port=result["port"], http="2", method=request["method"], target=target, host="files.test",
                        status=result["status"], request=files[request["sent"]] if "sent" in request else b"",
                        response=body, response_headers=result["headers"], http2_stream=result["stream"],
                    )  # fmt: skip
        finish(scenario)
    return scenario


def node_http2(bench):
    scenario = Scenario(
        "node-http2",
        "node and node over HTTP/2: twenty streams at a time under a small window, gzip, br, zstd, uploads; both ends",
        both_ends=True,
    )
    work = bench.folder(scenario.name)
    with programs.node(bench.root, work / "log", is_http2=True) as port:
        relay = through(scenario, port)
        names = ["items.json", "text.txt", "tiny.txt", "style.css", "exact.bin"]
        requests = []
        for number in range(16):
            name = names[number % len(names)]
            coding = ["gzip", "br", "deflate", "zstd"][number % 4]
            route = f"coded/{coding}/chunked" if number % 3 else "chunked/2500"
            requests.append({"method": "GET", "target": f"/{route}/{name}?n={number}", "name": name})
        requests += [
            {"method": "POST", "target": "/echo?n=16", "sent": "text.txt", "name": "text.txt"},
            {"method": "POST", "target": "/upload?n=17", "sent": "items.json", "answer": receipt(bench.files["items.json"])},
            {"method": "HEAD", "target": "/file/text.txt?n=18", "answer": b""},
            {"method": "GET", "target": "/coded/zstd/length/large.txt?n=19", "name": "large.txt"},
        ]
        settings = {"initialWindowSize": 20_000, "headerTableSize": 256}
        plan = {"protocol": "h2", "authority": "api.test", "parallel": True, "settings": settings, "requests": requests}
        by_node(scenario, bench, relay, work / "log", work, plan)
        finish(scenario)
    return scenario


def node_http2_endings(bench):
    scenario = Scenario("node-http2-endings", "HTTP/2 streams that end otherwise: RST_STREAM of either side, REFUSED_STREAM, GOAWAY, trailers, 204, 103")
    work = bench.folder(scenario.name)
    with programs.node(bench.root, work / "log", is_http2=True) as port:
        relay = through(scenario, port)
        requests = [
            {"method": "GET", "target": "/trailers/items.json?n=0", "name": "items.json"},
            {"method": "GET", "target": "/chunked/3000/text.txt?n=1", "name": "text.txt", "cancelAfter": 20_000},
            {"method": "GET", "target": "/reset/text.txt?n=2", "name": "text.txt"},
            {"method": "GET", "target": "/refused?n=3"},
            {"method": "GET", "target": "/early/tiny.txt?n=4", "name": "tiny.txt"},
            {"method": "GET", "target": "/nothing?n=5", "answer": b""},
            {"method": "GET", "target": "/goaway/style.css?n=6", "name": "style.css"},
            # The server takes no more streams on that connection: a second one.
            {"method": "GET", "target": "/file/double.bin?n=7", "name": "double.bin"},
            {"method": "POST", "target": "/echo?n=8", "sent": "tiny.txt", "name": "tiny.txt", "trailers": {"x-checked": "yes"}},
        ]  # fmt: skip
        plan = {"protocol": "h2", "authority": "api.test", "requests": requests}
        by_node(scenario, bench, relay, work / "log", work, plan)
        finish(scenario)
    return scenario


def grpc(bench):
    scenario = Scenario("grpc", "messages in gRPC's framing over HTTP/2, status in the trailers")
    work = bench.folder(scenario.name)
    with programs.node(bench.root, work / "log", is_http2=True) as port:
        relay = through(scenario, port)
        requests = []
        for number, parts in enumerate([["tiny.txt"], ["items.json", "tiny.txt", "style.css"], []]):
            messages = b"".join(b"\0" + len(bench.files[name]).to_bytes(4, "big") + bench.files[name] for name in parts)
            path = work / f"messages.{number}"
            path.write_bytes(messages)
            request = {
                "method": "POST",
                "target": f"/grpc/corpus.Echo/Say{number}",
                "headers": {"content-type": "application/grpc+proto", "te": "trailers", "grpc-timeout": "5S"},
                "body": str(path),
            }
            requests.append((request, messages))
        plan = {"protocol": "h2", "authority": "rpc.test", "parallel": True, "requests": [request for request, _ in requests]}
        plan = {"host": relay.host, "port": relay.port, **plan}
        told = node(plan, work)
        for request, messages in requests:
            result = told[request["target"]]
            check(scenario, request["target"], result["body"], messages)
            scenario.exchange(
                port=result["port"], http="2", method="POST", target=request["target"], host="rpc.test", status=result["status"],
                request=messages, response=messages, response_headers=result["headers"], response_trailers=result.get("trailers"),
                http2_stream=result["stream"],
            )  # fmt: skip
        finish(scenario)
    return scenario


def nghttp(bench):
    scenario = Scenario(
        "nghttp-http2",
        "nghttp, curl and nghttpd: server push, CONTINUATION, padding, trailers, priorities, table sizes; both ends",
        both_ends=True,
        server_read_bytes=4096,
    )
    work = bench.folder(scenario.name)
    flags = ["--push=/index.html=/style.css,/tiny.txt", "--trailer=x-served: yes", "--padding=40"]
    with programs.nghttpd(bench.root, *flags) as port:
        relay = through(scenario, port)

        def go(names, *flags, sent=b"", method="GET", host="push.test", sent_trailers=()):
            before = len(relay.connections)
            urls = [f"http://{relay.host}:{relay.port}/{name}" for name in names]
            done = subprocess.run(
                ["nghttp", *flags, "-H", f":authority: {host}", *urls], capture_output=True, timeout=20, check=True
            )
            for name in names:
                if method == "GET" and bench.files[name] not in done.stdout:
                    raise RuntimeError(f"{scenario.name}: {name} did not come")
                # One request a connection and host is what makes a target unique here.
                scenario.exchange(
                    port=relay.connections[before].client_address[1], http="2", method=method, target=f"/{name}", host=host,
                    status=200, request=sent, response=bench.files[name] if method == "GET" else None,
                    request_trailers=[*sent_trailers], response_trailers=[["x-served", "yes"]],
                )  # fmt: skip
            return relay.connections[before].client_address[1]

        port_of_push = go(["index.html"], "--header-table-size=128", "--header-table-size=4096")
        for name in ("style.css", "tiny.txt"):
            scenario.exchange(
                port=port_of_push, http="2", method="GET", target=f"/{name}", host="push.test", status=200,
                response=bench.files[name], response_trailers=[["x-served", "yes"]], pushed=True,
            )  # fmt: skip
        go(["items.json", "text.txt"], "--no-push", "--continuation", "--padding=100", host="large.test")
        go(["text.txt"], "--no-push", f"--data={bench.path('items.json')}", "--trailer=x-sent: yes",
           sent=bench.files["items.json"], method="POST", host="post.test", sent_trailers=[["x-sent", "yes"]])  # fmt: skip
        curl(scenario, relay, "curl.test", "2", [Transfer("/text.txt", "--compressed", body=bench.files["text.txt"])], work)
        # curl does not show the trailers of HTTP/2.
        scenario.exchanges[-1]["response_trailers"] = [["x-served", "yes"]]
        finish(scenario)
    return scenario


def websocket(bench):
    scenario = Scenario("websocket", "WebSocket with and without permessage-deflate; both ends", both_ends=True)
    sent = ["tiny.txt", "items.json", "exact.bin", "empty.txt", "zeros.bin"]
    with programs.python(bench.interpreter, "websocket_server.py") as port:
        relay = through(scenario, port)
        for compression, names in (("deflate", sent), ("plain", sent[:3])):
            target = f"/chat?{compression}"
            done = subprocess.run(
                [bench.interpreter, HERE / "websocket_client.py", str(relay.port), "chat.test", target, compression,
                 *[bench.path(name) for name in names]],
                capture_output=True, text=True, timeout=30, check=True,
            )  # fmt: skip
            told = json.loads(done.stdout)
            scenario.exchange(
                port=told["port"], http="1.1", method="GET", target=target, host="chat.test", status=told["status"],
                request_headers=told["request_headers"], response_headers=told["headers"],
                # Each of them goes to the server and comes back.
                messages=[{"file": name, "is_text": not name.endswith(".bin"), **digest_of(bench.files[name])} for name in names],
            )  # fmt: skip
        finish(scenario)
    for line, connection in zip(scenario.exchanges, relay.connections):
        for side, is_request in (("request_tunnel", True), ("response_tunnel", False)):
            said = b"".join(piece.data for piece in connection.pieces if piece.is_request == is_request)
            line[side] = digest_of(said.partition(b"\r\n\r\n")[2])
    return scenario


def digest_of(data):
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def connect(bench):
    scenario = Scenario("connect", "curl through a proxy by CONNECT: what follows is a tunnel, and HTTP again in it")
    work = bench.folder(scenario.name)
    with (
        programs.nginx(bench.root, work / "nginx") as (origin, _),
        programs.python("python3", "connect_proxy.py", origin) as port,
    ):
        relay = through(scenario, port)
        words = ["curl", "-sS", "-v", "--proxytunnel", "-x", f"http://{relay.host}:{relay.port}", "http://origin.test/tiny.txt"]
        done = subprocess.run(words, capture_output=True, timeout=20, check=True)
        check(scenario, "/tiny.txt", done.stdout, bench.files["tiny.txt"])
        finish(scenario)
        connection = relay.connections[0]
        scenario.exchange(
            port=connection.client_address[1], http="1.1", method="CONNECT", target="origin.test:80", host="origin.test:80", status=200
        )  # fmt: skip
        for side, is_request in (("request_tunnel", True), ("response_tunnel", False)):
            said = b"".join(piece.data for piece in connection.pieces if piece.is_request == is_request)
            scenario.exchanges[-1][side] = digest_of(said.partition(b"\r\n\r\n")[2])
    return scenario


ALL = [
    curl_nginx,
    curl_node,
    python_python,
    pipelining,
    node_node,
    curl_nginx_http2,
    httpx_nginx_http2,
    node_http2,
    node_http2_endings,
    grpc,
    nghttp,
    websocket,
    connect,
]
