// A client that makes the requests of a plan and says what came back:
// node node_client.mjs PLAN
// The plan: { protocol, host, port, authority, sockets, parallel, settings, requests: [{ method, target, headers, body, chunked,
// trailers, cancelAfter, out }] }. One JSON object a line goes to standard output. Bodies go to files, as they were sent.
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";

const plan = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

function pairs(raw) {
  return (raw ?? []).flatMap((name, at) => (at % 2 ? [] : [[name, raw[at + 1]]]));
}

function one(agent, request) {
  return new Promise((resolve) => {
    const body = request.body ? fs.readFileSync(request.body) : undefined;
    const headers = { host: plan.authority, ...request.headers };
    if (body && !request.chunked) headers["content-length"] = body.length;
    const sent = http.request({ agent, host: plan.host, port: plan.port, method: request.method, path: request.target, headers });
    sent.on("response", (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => {
        fs.writeFileSync(request.out, Buffer.concat(pieces));
        resolve({
          target: request.target,
          status: response.statusCode,
          headers: pairs(response.rawHeaders),
          trailers: pairs(response.rawTrailers),
          port: sent.socket.localPort,
        });
      });
    });
    sent.on("error", (error) => resolve({ target: request.target, error: error.code }));
    if (!body) return sent.end();
    if (!request.chunked) return sent.end(body);
    // In pieces, each its own chunk.
    const sizes = [1, 15, 16, 17, 255, 256, 4096, 20000];
    let at = 0, turn = 0;
    const next = () => {
      if (at >= body.length) {
        if (request.trailers) sent.addTrailers(request.trailers);
        return sent.end();
      }
      const end = Math.min(body.length, at + sizes[turn % sizes.length]);
      turn += 1;
      sent.write(body.subarray(at, end), () => setImmediate(next));
      at = end;
    };
    next();
  });
}

async function http1() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: plan.sockets ?? 1 });
  const results = [];
  if (plan.parallel) results.push(...(await Promise.all(plan.requests.map((request) => one(agent, request)))));
  else for (const request of plan.requests) results.push(await one(agent, request));
  agent.destroy();
  return results;
}

function oneStream(session, request) {
  return new Promise((resolve) => {
    const body = request.body ? fs.readFileSync(request.body) : undefined;
    const headers = { ":method": request.method, ":path": request.target, ":authority": plan.authority, ":scheme": "http", ...request.headers };
    const stream = session.request(headers, { endStream: !body, waitForTrailers: Boolean(request.trailers) });
    const result = { target: request.target };
    const pieces = [];
    let received = 0;
    stream.on("ready", () => { result.stream = stream.id; });
    stream.on("response", (fields, flags, raw) => {
      result.stream = stream.id;
      result.status = fields[":status"];
      result.headers = pairs(raw);
    });
    stream.on("trailers", (fields, flags, raw) => { result.trailers = pairs(raw); });
    stream.on("wantTrailers", () => stream.sendTrailers(request.trailers));
    stream.on("data", (piece) => {
      pieces.push(piece);
      received += piece.length;
      if (request.cancelAfter !== undefined && received > request.cancelAfter) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on("error", (error) => { result.error = error.code; });
    stream.on("close", () => {
      fs.writeFileSync(request.out, Buffer.concat(pieces));
      result.reset = stream.rstCode;
      result.port = session.localPort;
      resolve(result);
    });
    if (body) stream.end(body);
  });
}

async function connect() {
  const session = http2.connect(`http://${plan.host}:${plan.port}`, { settings: plan.settings });
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  session.localPort = session.socket.localPort;
  return session;
}

async function overHttp2() {
  const results = [];
  let session = await connect();
  if (plan.parallel) {
    results.push(...(await Promise.all(plan.requests.map((request) => oneStream(session, request)))));
  } else {
    for (const request of plan.requests) {
      if (session.closed || session.destroyed) session = await connect();
      results.push(await oneStream(session, request));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
  await new Promise((resolve) => session.close(resolve));
  return results;
}

const results = plan.protocol === "h2" ? await overHttp2() : await http1();
for (const result of results) console.log(JSON.stringify(result));
