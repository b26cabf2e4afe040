// The applications behind the proxy: `node servers.mjs KIND [COUNT]`.
//
// Listens on ports of the kernel's choice, prints them as one line of JSON, and runs until its standard input ends.
// Kinds: `echo` (WebSocket), `page` (a page and a WebSocket on every path), `socketio`.

import { createServer } from 'node:http';
import { Server as SocketIo } from 'socket.io';
import { WebSocketServer } from 'ws';

const [kind, count = '1'] = process.argv.slice(2);
const MESSAGE_BYTES_MAX = 32 << 20;

function page(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/html' });
  response.end(`Hello world from ${this.address().port} at ${request.url}`);
}

function echo(server) {
  const sockets = new WebSocketServer({ server, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false });
  sockets.on('connection', (socket, request) => {
    socket.on('message', (data, isBinary) => {
      if (isBinary) {
        socket.send(data);
      } else if (data.toString() === 'where?') {
        socket.send(`${server.address().port} ${request.url}`);
      } else {
        socket.send(`Server received from client: ${data}`);
      }
    });
    socket.on('error', (error) => console.error('server socket:', error.message));
  });
}

function socketio(server) {
  const io = new SocketIo(server, { maxHttpBufferSize: MESSAGE_BYTES_MAX });
  io.on('connection', (socket) => {
    socket.on('say', (what, acknowledge) => acknowledge(what, socket.conn.transport.name, server.address().port));
    socket.on('shout', (what) => io.emit('shout', what));
  });
}

const start = { echo, page: echo, socketio }[kind];
if (!start) {
  console.error(`no such kind: ${kind}`);
  process.exit(2);
}
const ports = await Promise.all(
  Array.from({ length: Number(count) }, () => {
    const server = createServer();
    server.on('request', kind === 'socketio' ? (request, response) => {
      if (!request.url.startsWith('/socket.io/')) page.call(server, request, response);
    } : page);
    start(server);
    return new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, () => resolve(server.address().port)));
  }),
);
console.log(JSON.stringify(ports));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
