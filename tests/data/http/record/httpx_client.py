"""httpx over HTTP/2: httpx_client.py PLAN

The plan is JSON: { host, port, authority, parallel, requests: [{ method, target, headers, body, follow, out }] }. One
JSON object a line goes to standard output, for a redirect that is followed as well. Bodies are written decoded.
"""

import asyncio
import json
import sys
from pathlib import Path

import httpx

plan = json.loads(Path(sys.argv[1]).read_text())


def told(response):
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
    return {
        "target": response.request.url.raw_path.decode(),
        "status": response.status_code,
        "headers": raw,
        "http": response.http_version,
        "port": response.extensions["network_stream"].get_extra_info("client_addr")[1],
        "stream": response.extensions["stream_id"],
    }


async def ask(client, request):
    body = Path(request["body"]).read_bytes() if request.get("body") else None
    headers = {"Host": plan["authority"], **request.get("headers", {})}
    url = f"http://{plan['host']}:{plan['port']}{request['target']}"
    response = await client.request(
        request["method"], url, content=body, headers=headers, follow_redirects=request.get("follow", False)
    )
    Path(request["out"]).write_bytes(response.content)
    for each in [*response.history, response]:
        print(json.dumps(told(each)))


async def main():
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http1=False, http2=True, limits=limits, timeout=20) as client:
        if plan.get("parallel"):
            await asyncio.gather(*(ask(client, request) for request in plan["requests"]))
        else:
            for request in plan["requests"]:
                await ask(client, request)


asyncio.run(main())
