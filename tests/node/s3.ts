// A store that speaks S3 as far as reading needs it, on loopback: it checks signatures by an independent
// implementation, and lists two objects a page.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Web } from './web.js';

interface Signed {
  headers: Record<string, string>;
}
const aws4 = createRequire(import.meta.url)('aws4') as { sign(request: object, keys: { accessKeyId: string; secretAccessKey: string }): Signed };

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export class Store {
  readonly objects = new Map<string, string | Buffer>();
  /** Content-Encoding that an object was stored with. */
  readonly encodings = new Map<string, string>();
  readonly keys = { accessKeyId: 'AKIATEST', secretAccessKey: 'se/cret+key=' };
  readonly got: string[] = [];
  lists = 0;
  private constructor(
    readonly web: Web,
    private readonly bucket: string,
    private readonly region: string,
  ) {}

  static async start(bucket: string, region: string): Promise<Store> {
    const store: Store = new Store(await Web.start(), bucket, region);
    store.web.fallback = (request, response, url) => store.answer(request, response, url);
    return store;
  }

  private refuse(response: ServerResponse, status: number, code: string, message: string): void {
    response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>${escape(message)}</Message></Error>`);
  }

  private signed(request: IncomingMessage): boolean {
    const sent = request.headers.authorization ?? '';
    const names = /SignedHeaders=([^,]+)/.exec(sent)?.[1]?.split(';') ?? [];
    if (!names.includes('host') || !names.includes('x-amz-date') || !names.includes('x-amz-content-sha256')) return false;
    const headers = Object.fromEntries(names.map((name) => [name, String(request.headers[name])]));
    const made = aws4.sign({ service: 's3', region: this.region, method: request.method, path: request.url, headers }, this.keys);
    return made.headers['Authorization']?.split('Signature=')[1] === sent.split('Signature=')[1];
  }

  private answer(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const [host, path] = [request.headers.host ?? '', decodeURIComponent(url.pathname).slice(1)];
    const inHost = host.startsWith(`${this.bucket}.`);
    const [bucket, key] = inHost ? [this.bucket, path] : [path.split('/')[0], path.split('/').slice(1).join('/')];
    if (!this.signed(request)) return this.refuse(response, 403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match "yours"');
    if (bucket !== this.bucket) return this.refuse(response, 404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (!key) return this.list(response, url);
    const body = this.objects.get(key);
    if (body === undefined) return this.refuse(response, 404, 'NoSuchKey', 'The specified key does not exist.');
    this.got.push(key);
    const encoding = this.encodings.get(key);
    response.writeHead(200, { etag: this.etag(body), 'content-type': 'binary/octet-stream', ...(encoding ? { 'content-encoding': encoding } : {}) }).end(body);
  }

  private etag(body: string | Buffer): string {
    return `"${createHash('md5').update(body).digest('hex')}"`;
  }

  private list(response: ServerResponse, url: URL): void {
    const [prefix, delimiter] = [url.searchParams.get('prefix') ?? '', url.searchParams.get('delimiter')];
    const from = Number(url.searchParams.get('continuation-token')?.replace('to&ken=', '') ?? 0);
    const all = [...this.objects.keys()].sort().filter((key) => key.startsWith(prefix) && !(delimiter && key.slice(prefix.length).includes(delimiter)));
    this.lists += 1;
    const contents = all.slice(from, from + 2).map((key) => {
      const body = this.objects.get(key) ?? '';
      return `<Contents><Key>${escape(key)}</Key><ETag>${escape(this.etag(body))}</ETag><Size>${Buffer.byteLength(body)}</Size></Contents>`;
    });
    const next = from + 2 < all.length ? `<IsTruncated>true</IsTruncated><NextContinuationToken>to&amp;ken=${from + 2}</NextContinuationToken>` : '';
    response.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${this.bucket}</Name>${next}${contents.join('')}</ListBucketResult>`);
  }
}
