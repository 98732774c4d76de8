// One client's life on a bad network: node scenario.js CLIENT URL SECRET USER TOKEN_SECONDS ID...
//
// Takes a cursor, follows from there, runs a mutation for each id, and waits for a line on its
// standard input: the position that it must reach. Then it prints the positions it was given.
import { createHmac } from 'node:crypto';
import { createInterface } from 'node:readline';

const [name, url, secret, user, seconds, ...ids] = process.argv.slice(2);
const PAUSE = 50;

// What an app has in its place: a call that gets a fresh token from its own sign-in.
function token() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + Number(seconds) };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

// An answer that was lost on the way says nothing about the command: it may be repeated.
async function untilAnswered(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

const { connect } = await import(`./${name}.js`);
const client = connect(url, token, PAUSE);
const positions = [];
const reached = new EventTarget();

const stop = client.follow(await untilAnswered(client.snapshot), {
  event({ position }) {
    positions.push(position);
    reached.dispatchEvent(new Event('event'));
  },
  failed(errors) {
    console.error(errors);
    process.exit(1);
  },
});
console.log('following');

const answers = [];
for (const id of ids) answers.push((await untilAnswered(() => client.disconnect(id))).__typename);
console.log(JSON.stringify(answers));

createInterface({ input: process.stdin }).on('line', (line) => {
  const check = () => {
    if (positions.at(-1) !== Number(line)) return;
    stop();
    console.log(JSON.stringify(positions));
    process.exit(0);
  };
  reached.addEventListener('event', check);
  check();
});
