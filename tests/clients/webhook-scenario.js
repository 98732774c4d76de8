// Runs webhook-receiver.js: prints its address, reads its secret, prints every event that is new.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline/promises';
import { receiver } from './webhook-receiver.js';

const seen = new Set();
const isNew = async ({ id }) => !seen.has(id) && seen.add(id);
const address = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve({ port, host: '127.0.0.1' }));
  });
});
console.log(`http://127.0.0.1:${address.port}/hook`);
const input = createInterface({ input: process.stdin });
const [secret] = await new Promise((resolve) => input.once('line', (line) => resolve([line])));
receiver(secret, isNew, (event) => console.log(JSON.stringify(event))).listen(address, () => console.log('ready'));
