/** Shares one stream among all tabs: HTTP/1.1 allows six connections per origin. */
import { StreamReader, type News } from './stream';

const scope = self as unknown as { onconnect: ((event: MessageEvent) => void) | null };
const ports = new Set<MessagePort>();
const reader = new StreamReader('/api/v1/stream', (news: News) => ports.forEach((port) => port.postMessage(news)));

scope.onconnect = (event) => {
  const port = event.ports[0];
  if (port === undefined) return;
  port.onmessage = (message: MessageEvent<'bye'>) => {
    if (message.data !== 'bye') return;
    ports.delete(port);
    if (ports.size === 0) reader.close();
  };
  if (ports.size === 0) reader.open();
  ports.add(port);
  port.postMessage({ type: 'state', state: reader.state } satisfies News);
  if (reader.hello !== null) port.postMessage(reader.hello);
};
