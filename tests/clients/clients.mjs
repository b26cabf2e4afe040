// What real clients do through the proxy: `node clients.mjs SCENARIO HOST:PORT [ARGUMENTS]`.
//
// Ends with 0 when everything was as expected; else says what was not and ends with 1.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createHash, randomBytes } from 'node:crypto';
import { Socket as EngineSocket } from 'engine.io-client';
import { io } from 'socket.io-client';
import WebSocket from 'ws';

const [scenario, address, ...more] = process.argv.slice(2);
const DEADLINE_MS = 60_000;
const MESSAGE_BYTES_MAX = 32 << 20;

async function open(path = '/') {
  const options = { perMessageDeflate: false, maxPayload: MESSAGE_BYTES_MAX };
  const socket = new WebSocket(`ws://${address}${path}`, options);
  await once(socket, 'open');
  return socket;
}

async function answer(socket, message) {
  const next = once(socket, 'message');
  socket.send(message);
  const [data] = await next;
  return data;
}

async function close(socket) {
  const closed = once(socket, 'close');
  socket.close(1000, 'done');
  const [code] = await closed;
  assert.equal(code, 1000);
}

async function get(path) {
  const response = await fetch(`http://${address}${path}`);
  assert.equal(response.status, 200);
  return response.text();
}

/** As one would do by hand: connect, type, read, close. */
async function echo() {
  const socket = await open(more[0]);
  assert.equal((await answer(socket, 'Hello')).toString(), 'Server received from client: Hello');
  assert.equal((await answer(socket, 'again')).toString(), 'Server received from client: again');
  await close(socket);
}

/** A page and a WebSocket on the same path. */
async function pageAndSocket() {
  for (const path of ['/', '/some/where?a=b']) {
    assert.match(await get(path), new RegExp(`^Hello world from \\d+ at ${path.replace('?', '\\?')}$`));
    const socket = await open(path);
    assert.match((await answer(socket, 'where?')).toString(), new RegExp(` ${path.replace('?', '\\?')}$`));
    await close(socket);
    assert.match(await get(path), /^Hello world/);
  }
}

/** Pages everywhere, WebSockets below /ws/, which the peer sees without that part. */
async function ownPath() {
  assert.match(await get('/page'), /at \/page$/);
  assert.match(await get('/ws/page'), /at \/page$/);
  const socket = await open('/ws/something');
  assert.match((await answer(socket, 'where?')).toString(), / \/something$/);
  await close(socket);
}

/** Connections are spread over all peers. */
async function spread() {
  const peers = Number(more[0]);
  const sockets = [];
  const seen = new Map();
  for (let n = 0; n < peers * 4; n += 1) {
    const socket = await open();
    sockets.push(socket);
    const [port] = (await answer(socket, 'where?')).toString().split(' ');
    seen.set(port, (seen.get(port) ?? 0) + 1);
  }
  assert.equal(seen.size, peers, `seen ${[...seen]}`);
  await Promise.all(sockets.map(close));
  assert.match(await get('/'), /^Hello world/);
}

/** Every size, both ways, in order, many at a time. */
async function sizes() {
  const socket = await open();
  const waiting = [];
  socket.on('message', (data) => {
    const { digest, resolve } = waiting.shift();
    assert.equal(createHash('sha256').update(data).digest('hex'), digest, 'a message was changed');
    resolve();
  });
  const send = (size) => {
    const data = randomBytes(size);
    const digest = createHash('sha256').update(data).digest('hex');
    const done = new Promise((resolve) => waiting.push({ digest, resolve }));
    socket.send(data);
    return done;
  };
  const MIB = 1 << 20;
  const all = [0, 1, 2, 125, 126, 127, 4095, 65535, 65536, 65537, MIB, 5 * MIB + 1, 16 * MIB];
  for (const size of all) await send(size);
  await Promise.all(all.map(send));
  const many = Array.from({ length: 5000 }, (_, n) => send((n * 37) % 700));
  await Promise.all(many);
  await close(socket);
}

/** All open at once; every one carries messages of its own. */
async function crowd() {
  const [count, shards] = more.map(Number);
  const seen = new Set();
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = new WebSocket(`ws://${address}/`, { perMessageDeflate: false });
      const upgraded = once(socket, 'upgrade');
      await once(socket, 'open');
      const [response] = await upgraded;
      if (response.headers['x-shard'] !== undefined) seen.add(response.headers['x-shard']);
      return socket;
    }),
  );
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(sockets.map(async (socket, n) => {
      const text = `${n} in round ${round}`;
      assert.equal((await answer(socket, text)).toString(), `Server received from client: ${text}`);
    }));
  }
  if (shards) assert.equal(seen.size, shards, `shards seen: ${[...seen]}`);
  await Promise.all(sockets.map(close));
}

/** socket.io over the given transports: acknowledgements, broadcasts, a large message, a clean end. */
async function socketIo() {
  const [transports, last] = [more[0].split(','), more[1]];
  const socket = io(`http://${address}`, { transports, reconnection: false, forceNew: true });
  const failed = once(socket, 'connect_error').then(([error]) => Promise.reject(error));
  await Promise.race([once(socket, 'connect'), failed]);
  if (transports.length > 1) {
    const { engine } = socket.io;
    if (engine.transport.name !== last) await once(engine, 'upgrade');
  }
  for (const what of ['a', 'b'.repeat(100_000), { deep: [1, 2, 3] }, Buffer.alloc(300_000, 7)]) {
    const [back, transport] = await new Promise((resolve) => {
      socket.emit('say', what, (...values) => resolve(values));
    });
    assert.deepEqual(back, what);
    assert.equal(transport, last);
  }
  const shouted = once(socket, 'shout');
  socket.emit('shout', 'everybody');
  assert.deepEqual(await shouted, ['everybody']);
  const gone = once(socket, 'disconnect');
  socket.disconnect();
  await gone;
}

/** The transport below socket.io on its own: opens by polling, moves to WebSocket, closes. */
async function engineIo() {
  const socket = new EngineSocket(`http://${address}`, { path: '/socket.io/', transports: ['polling', 'websocket'] });
  await once(socket, 'open');
  await once(socket, 'upgrade');
  assert.equal(socket.transport.name, 'websocket');
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

const scenarios = { echo, pageAndSocket, ownPath, spread, sizes, crowd, socketIo, engineIo };
const deadline = setTimeout(() => {
  console.error(`${scenario}: not done after ${DEADLINE_MS} ms`);
  process.exit(1);
}, DEADLINE_MS);
try {
  await scenarios[scenario]();
  clearTimeout(deadline);
  process.exit(0);
} catch (error) {
  console.error(`${scenario}: ${error.stack ?? error}`);
  process.exit(1);
}
