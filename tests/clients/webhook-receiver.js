// A receiver of webhooks: verifies, and applies each event once.
import { createServer } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

export function receiver(secret, isNew, handle) {
  const webhook = new Webhook(secret);
  return createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request)).toString();
    let event;
    try {
      event = webhook.verify(body, request.headers);
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      return response.writeHead(401).end();
    }
    if (event.type !== 'webhook.test' && (await isNew(event.data))) await handle(event);
    response.writeHead(204).end();
  });
}
