"""The servers: started on ports that the system chooses, stopped when the recording is over."""

import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent

NGINX = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ text/html html; text/css css; text/plain txt; application/json json; }}
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    client_max_body_size 2m;
    keepalive_timeout 5s;
    absolute_redirect off;
    gzip on;
    gzip_http_version 1.0;
    gzip_types text/plain text/css application/json;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{http2_port} http2;
        root {root};
        location /nothing {{ return 204; }}
        location /moved {{ return 301 /tiny.txt?after=$arg_n; }}
        location /stored/ {{ root {work}; dav_methods PUT DELETE; create_full_put_path on; }}
    }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port, process, patience_s=10):
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        # A listening socket is state 0A; connecting would be seen by the server.
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[1].endswith(f":{port:04X}") and words[3] == "0A":
                    return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


@contextmanager
def running(command, port, **more):
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, **more)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def nginx(root, work):
    """Gives the ports for HTTP/1 and for HTTP/2 without TLS."""
    work.mkdir()
    port, http2_port = free_port(), free_port()
    config = work / "nginx.conf"
    config.write_text(NGINX.format(root=root, work=work, port=port, http2_port=http2_port))
    with running(["nginx", "-c", config, "-p", work, "-e", work / "error.log"], port):
        yield port, http2_port


@contextmanager
def node(root, log, is_http2):
    port = free_port()
    words = ["node", HERE / "node_server.mjs", port, root, log, "h2" if is_http2 else "h1"]
    with running(words, port):
        yield port


@contextmanager
def nghttpd(root, *flags):
    port = free_port()
    with running(["nghttpd", "--no-tls", "-d", root, *flags, port], port):
        yield port


@contextmanager
def python(interpreter, script, *words):
    port = free_port()
    with running([interpreter, HERE / script, port, *words], port):
        yield port


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).splitlines()[0]
