"""The clients: run to their end, and asked what they saw."""

import json
import subprocess
import zlib

from programs import HERE


class Transfer:
    """One call of curl's for one URL. Redirects that it follows make several exchanges of it.

    `body` is what is to come; `None`: whatever comes. `sent` is what is sent; `None`: the same as what comes.
    """

    def __init__(self, target, *flags, body=b"", method="GET", status=200, sent=b"", hops=(), **more):
        self.target = target
        self.flags = flags
        self.body = body
        self.method = method
        self.status = status
        self.sent = sent
        # (status, target that it leads to, body) of each answer before the last.
        self.hops = hops
        self.more = more


def curl(scenario, relay, authority, http, transfers, work, *flags):
    """Makes the transfers in one process of curl, over one connection if server and curl want it."""
    words = ["curl"]
    for number, transfer in enumerate(transfers):
        if number:
            words.append("--next")
        address = f"[{relay.host}]" if ":" in relay.host else relay.host
        words += ["-sS", "-v", "--max-time", "20", "--connect-to", f"::{address}:{relay.port}"]
        words += {"1.0": ["-0"], "1.1": ["--http1.1"], "2": ["--http2-prior-knowledge"]}[http]
        words += ["-D", work / f"head.{number}", "-o", work / f"body.{number}"]
        words += ["-w", "%{json}\n", *flags, *transfer.flags, f"http://{authority}{transfer.target}"]
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False)
    errors = done.stderr.decode(errors="replace")
    told = [json.loads(line) for line in done.stdout.decode().splitlines()]
    told = {each["url"].partition(authority)[2]: each for each in told}
    asked = sent_fields(errors) if http == "2" else sent_heads(errors)
    for number, transfer in enumerate(transfers):
        result = told.get(transfer.target)
        if result is None or result["exitcode"] != 0:
            raise RuntimeError(f"{scenario.name}: curl failed for {transfer.target}: {result}\n{errors}")
        body = (work / f"body.{number}").read_bytes() if (work / f"body.{number}").exists() else b""
        check(scenario, transfer.target, body, transfer.body if transfer.method != "HEAD" else body)
        heads = received_heads((work / f"head.{number}").read_text(encoding="latin-1"))
        (work / f"body.{number}").unlink(missing_ok=True)
        target, method, sent = transfer.target, transfer.method, transfer.sent
        # A server's own page, or a form as curl wrote it and the server gave it back: known once it is there.
        answer = body if transfer.body is None else transfer.body
        sent = answer if sent is None else sent
        steps = [*transfer.hops, (transfer.status, None, answer)]
        final = [head for head in heads if head["status"] >= 200]
        if [head["status"] for head in final] != [status for status, _, _ in steps]:
            raise RuntimeError(f"{scenario.name}: {transfer.target} was answered by {heads}")
        interim = [head["status"] for head in heads if head["status"] < 200]
        for head, (status, onward, answer) in zip(final, steps):
            scenario.exchange(
                port=result["local_port"],
                http=http,
                method=method,
                target=target,
                host=authority,
                status=status,
                request=sent,
                response=answer,
                request_headers=asked.pop(0) if asked else None,
                response_headers=head["headers"],
                response_trailers=head["trailers"],
                **({"interim": interim} if interim else {}),
                **transfer.more,
            )
            target = onward


def sent_heads(errors):
    """The request heads that `curl -v` shows, without their first lines."""
    heads, current = [], None
    for line in errors.split("\n"):
        if not line.startswith("> "):
            continue
        text = line[2:].rstrip("\r")
        if current is None:
            current = []
            heads.append(current)
        elif text == "":
            current = None
        else:
            name, _, value = text.partition(":")
            current.append([name, value.strip()])
    return heads


def sent_fields(errors):
    """The fields of HTTP/2 requests that `curl -v` shows, pseudo-header fields among them."""
    heads = []
    for line in errors.split("\n"):
        if not line.startswith("* h2h3 ["):
            continue
        name, _, value = line.rstrip("\r")[len("* h2h3 [") : -1].partition(": ")
        if name == ":method":
            heads.append([])
        heads[-1].append([name, value])
    return heads


def received_heads(text):
    """What `curl -D` wrote: heads, each with the trailers that came after its body."""
    heads, is_head = [], False
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if line.startswith("HTTP/"):
            heads.append({"status": int(line.split(" ")[1]), "headers": [], "trailers": []})
            is_head = True
        elif line == "":
            is_head = False
        else:
            name, _, value = line.partition(":")
            heads[-1]["headers" if is_head else "trailers"].append([name, value.strip()])
    return heads


def by_plan(command, plan, work):
    """Runs a client that reads a plan; gives what it says of each target, and the bodies as they were sent."""
    for number, request in enumerate(plan["requests"]):
        request["out"] = str(work / f"out.{number}")
    path = work / "plan.json"
    # What is expected is not the client's affair.
    requests = [{name: value for name, value in request.items() if name != "answer"} for request in plan["requests"]]
    path.write_text(json.dumps({**plan, "requests": requests}))
    done = subprocess.run([*map(str, command), str(path)], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    told = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        told[result["target"]] = result
    for request in plan["requests"]:
        result = told[request["target"]]
        if result.get("status") is not None:
            with open(request["out"], "rb") as file:
                result["body"] = file.read()
    return told


def node(plan, work):
    return by_plan(["node", HERE / "node_client.mjs"], plan, work)


def decode(body, coding):
    """Undoes what Python can undo on its own."""
    for each in reversed((coding or "").split(", ")):
        if each == "gzip":
            body = zlib.decompress(body, 31)
        elif each == "deflate":
            body = zlib.decompress(body)
        elif each in ("br", "zstd"):
            return None
    return body


def check(scenario, target, got, expected):
    if got is not None and expected is not None and got != expected:
        raise RuntimeError(f"{scenario.name}: the body of {target} is {len(got)} bytes and not the {len(expected)} expected")
