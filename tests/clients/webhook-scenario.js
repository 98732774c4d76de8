// Runs webhook-receiver.js, and prints the address and every event that is new.
//
//     node webhook-scenario.js SECRET
import { receiver } from './webhook-receiver.js';

const seen = new Set();
const isNew = async ({ id }) => !seen.has(id) && seen.add(id);
const server = receiver(process.argv[2], isNew, (event) => console.log(JSON.stringify(event)));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/hook`));
