// A server for HTTP/1.1, or for HTTP/2 without TLS, whose path says how it is to answer:
// node node_server.mjs PORT ROOT LOG h1|h2
// What it reads of each request goes to LOG, one JSON object a line.
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import zlib from "node:zlib";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";

const [port, root, log, protocol] = process.argv.slice(2);

const coders = {
  gzip: (data) => zlib.gzipSync(data),
  deflate: (data) => zlib.deflateSync(data),
  br: (data) => zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 9 } }),
  // This node has no zstd of its own.
  zstd: (data) => execFileSync("zstd", ["-q", "-9", "-c"], { input: data, maxBuffer: 1 << 26 }),
};

const types = { html: "text/html", css: "text/css", txt: "text/plain; charset=utf-8", json: "application/json" };

function typeOf(name) {
  return types[name.split(".").pop()] ?? "application/octet-stream";
}

function digest(data) {
  return createHash("sha256").update(data).digest("hex");
}

// Writes a body in pieces of uneven size, each after the one before was taken.
function trickle(response, data, piece, done) {
  let at = 0;
  const next = () => {
    if (at >= data.length || response.destroyed) return done();
    const end = Math.min(data.length, at + piece + (at % 7) * 11);
    response.write(data.subarray(at, end), () => setImmediate(next));
    at = end;
  };
  next();
}

function decoded(request, data) {
  const coding = request.headers["content-encoding"];
  if (coding === "gzip") return zlib.gunzipSync(data);
  if (coding === "br") return zlib.brotliDecompressSync(data);
  return data;
}

const routes = {
  file(request, response, [name]) {
    const data = fs.readFileSync(`${root}/${name}`);
    response.writeHead(200, { "content-type": typeOf(name), "content-length": data.length });
    response.end(request.method === "HEAD" ? undefined : data);
  },
  chunked(request, response, [piece, name]) {
    response.writeHead(200, { "content-type": typeOf(name) });
    trickle(response, fs.readFileSync(`${root}/${name}`), Number(piece), () => response.end());
  },
  coded(request, response, [codings, framing, name]) {
    let data = fs.readFileSync(`${root}/${name}`);
    for (const coding of codings.split("+")) data = coders[coding](data);
    const headers = { "content-type": typeOf(name), "content-encoding": codings.replaceAll("+", ", "), vary: "accept-encoding" };
    if (framing === "length") headers["content-length"] = data.length;
    response.writeHead(200, headers);
    if (framing === "length") response.end(data);
    else trickle(response, data, 4000, () => response.end());
  },
  trailers(request, response, [name]) {
    const data = fs.readFileSync(`${root}/${name}`);
    response.writeHead(200, { "content-type": typeOf(name), trailer: "x-sha256, x-end" });
    trickle(response, data, 9000, () => {
      response.addTrailers({ "x-sha256": digest(data), "x-end": "yes" });
      response.end();
    });
  },
  tagged(request, response, [name]) {
    const data = fs.readFileSync(`${root}/${name}`);
    const etag = `"${digest(data).slice(0, 12)}"`;
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, { etag });
      return response.end();
    }
    response.writeHead(200, { "content-type": typeOf(name), "content-length": data.length, etag });
    response.end(data);
  },
  nothing(request, response) {
    response.writeHead(204);
    response.end();
  },
  moved(request, response, [name]) {
    response.writeHead(302, { location: `/file/${name}?after=${new URL(request.url, "http://x").searchParams.get("n")}` });
    response.end("elsewhere\n");
  },
  early(request, response, [name]) {
    response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
    setTimeout(() => routes.file(request, response, [name]), 20);
  },
  events(request, response, [count]) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    let number = 0;
    const timer = setInterval(() => {
      response.write(`id: ${number}\nevent: tick\ndata: {"number":${number}}\n\n`);
      number += 1;
      if (number === Number(count)) {
        clearInterval(timer);
        response.end();
      }
    }, 15);
  },
  closing(request, response, [name]) {
    const data = fs.readFileSync(`${root}/${name}`);
    response.writeHead(200, { connection: "close", "content-type": typeOf(name), "content-length": data.length });
    response.end(data);
  },
  // What arrived, as the server sees it.
  upload(request, response, words, body) {
    const data = decoded(request, body);
    const answer = JSON.stringify({ bytes: data.length, sha256: digest(data) }) + "\n";
    response.writeHead(201, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  },
  echo(request, response, words, body) {
    response.writeHead(200, { "content-type": request.headers["content-type"] ?? "application/octet-stream" });
    response.end(body);
  },
  // gRPC's framing: every message comes back, and the status is in the trailers.
  grpc(request, response, words, body) {
    response.writeHead(200, { "content-type": "application/grpc+proto" });
    trickle(response, body, 3000, () => {
      response.addTrailers({ "grpc-status": "0", "grpc-message": "" });
      response.end();
    });
  },
  // HTTP/2 only: half of the body, and then RST_STREAM (INTERNAL_ERROR).
  reset(request, response, [name]) {
    const data = fs.readFileSync(`${root}/${name}`);
    response.writeHead(200, { "content-type": typeOf(name) });
    response.write(data.subarray(0, data.length >> 1), () => {
      setTimeout(() => response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 20);
    });
  },
  refused(request, response) {
    response.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  },
  // HTTP/2 only: answers, and takes no further streams on this connection (GOAWAY).
  goaway(request, response, [name]) {
    request.stream.session.close();
    routes.file(request, response, [name]);
  },
};

function answer(request, response) {
  const [, route, ...words] = new URL(request.url, "http://x").pathname.split("/");
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("error", () => {});
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    const raw = request.rawHeaders;
    const headers = [];
    for (let at = 0; at < raw.length; at += 2) headers.push([raw[at], raw[at + 1]]);
    const trailers = request.rawTrailers ?? [];
    const line = {
      method: request.method,
      target: request.url,
      headers,
      trailers: trailers.flatMap((name, at) => (at % 2 ? [] : [[name, trailers[at + 1]]])),
      bytes: body.length,
    };
    fs.appendFileSync(log, JSON.stringify(line) + "\n");
    if (!(route in routes)) {
      response.writeHead(404, { "content-type": "text/plain" });
      return response.end("no such thing\n");
    }
    routes[route](request, response, words, body);
  });
}

const server = protocol === "h2" ? http2.createServer(answer) : http.createServer({ keepAliveTimeout: 3000 }, answer);
server.on("sessionError", () => {});
server.listen(Number(port), "127.0.0.1");
