// Reads the columnar result (docs/format/columns.md) piece by piece, as it comes from the network.
// What comes is checked before it is believed: lengths against what is there, offsets against each
// other. Values stay in the buffers that came; texts are decoded when somebody looks at them.
import type { Column, ColumnType, Table, Value } from './table';

/** A stream that is not what it should be, or broke off. */
export class ColumnsError extends Error {}

export interface Ending {
  rows: number;
  truncated: boolean;
  elapsedMs: number;
}

/** What the server says about an error after the first rows: the `error` of its answers. */
export interface StreamFault {
  code: string;
  message: string;
  position?: { offset: number; line: number; column: number };
}

const enum Frame {
  head = 1,
  rows,
  end,
  error,
}
const enum Kind {
  bits = 1,
  int32,
  int64,
  float64,
  text,
}

/** One column of one frame. */
interface Part {
  kind: Kind;
  /** A bit a row; none: no value is NULL. */
  valid: Uint8Array | undefined;
  bits?: Uint8Array;
  ints?: Int32Array;
  /** Low and high halves, one after the other. */
  longs?: Uint32Array;
  doubles?: Float64Array;
  offsets?: Uint32Array;
  bytes?: Uint8Array;
}
interface Chunk {
  rows: number;
  parts: Part[];
}

const types: readonly ColumnType[] = ['bool', 'int', 'double', 'timestamp', 'date', 'text', 'json', 'other'];
const utf8 = new TextDecoder();
const up = (n: number): number => Math.ceil(n / 8) * 8;
const HALF = 4294967296;
const DAY_MS = 86_400_000;
/** Where Date ends. */
const MAX_MS = 8.64e15;

function dateText(days: number): string {
  if (Math.abs(days) === 2147483647) return days > 0 ? 'infinity' : '-infinity';
  return Math.abs(days * DAY_MS) <= MAX_MS ? new Date(days * DAY_MS).toISOString().replace(/T.*/, '') : `day ${days}`;
}

/** Microseconds: RFC 3339 with as many digits as the value has. */
function timestampText(micros: bigint): string {
  if (micros === 9223372036854775807n) return 'infinity';
  if (micros === -9223372036854775807n) return '-infinity';
  const rest = ((micros % 1000n) + 1000n) % 1000n;
  const ms = Number((micros - rest) / 1000n);
  if (Math.abs(ms) > MAX_MS) return `${micros} µs`;
  const text = new Date(ms).toISOString();
  if (rest) return `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}

function present(part: Part, row: number): boolean {
  return !part.valid || ((part.valid[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
}

function textAt(part: Part, row: number): string {
  const { offsets, bytes } = part;
  return offsets && bytes ? utf8.decode(bytes.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0)) : '';
}

function longAt(longs: Uint32Array, row: number): bigint {
  return (BigInt((longs[2 * row + 1] ?? 0) | 0) << 32n) | BigInt(longs[2 * row] ?? 0);
}

/** The number as a double, rounded when it must be; NaN for what is none. */
function doubleAt(part: Part, row: number): number {
  switch (part.kind) {
    case Kind.bits:
      return ((part.bits?.[row >> 3] ?? 0) >> (row & 7)) & 1;
    case Kind.int32:
      return part.ints?.[row] ?? Number.NaN;
    case Kind.int64:
      return part.longs ? ((part.longs[2 * row + 1] ?? 0) | 0) * HALF + (part.longs[2 * row] ?? 0) : Number.NaN;
    case Kind.float64:
      return part.doubles?.[row] ?? Number.NaN;
    case Kind.text: {
      const text = textAt(part, row);
      return text.trim() === '' ? Number.NaN : Number(text);
    }
  }
}

function valueAt(part: Part, type: ColumnType, row: number): Value {
  if (!present(part, row)) return null;
  switch (part.kind) {
    case Kind.text:
      return textAt(part, row);
    case Kind.bits:
      return doubleAt(part, row) === 1;
    case Kind.float64: {
      const value = part.doubles?.[row] ?? 0;
      return Number.isFinite(value) ? value : String(value);
    }
    case Kind.int32: {
      const value = part.ints?.[row] ?? 0;
      return type === 'date' ? dateText(value) : type === 'timestamp' ? timestampText(BigInt(value)) : value;
    }
    case Kind.int64: {
      const value = longAt(part.longs ?? new Uint32Array(), row);
      if (type === 'timestamp') return timestampText(value);
      if (type === 'date') return dateText(Number(value));
      return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : String(value);
    }
  }
}

/** A result that grows while it comes. */
export class ColumnTable implements Table {
  rows = 0;
  private readonly chunks: Chunk[] = [];
  /** The first row of each chunk. */
  private readonly starts: number[] = [];
  private last = 0;

  constructor(readonly columns: readonly Column[]) {}

  /** @internal */
  add(chunk: Chunk): void {
    this.chunks.push(chunk);
    this.starts.push(this.rows);
    this.rows += chunk.rows;
  }

  private find(row: number): number {
    const holds = (i: number): boolean => {
      const start = this.starts[i];
      return start !== undefined && row >= start && row < start + (this.chunks[i]?.rows ?? 0);
    };
    if (holds(this.last)) return this.last;
    if (holds(this.last + 1)) return ++this.last;
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    this.last = low;
    return low;
  }

  private at<T>(row: number, column: number, none: T, read: (part: Part, row: number, type: ColumnType) => T): T {
    if (!(row >= 0 && row < this.rows)) return none;
    const at = this.find(row);
    const part = this.chunks[at]?.parts[column];
    const type = this.columns[column]?.type;
    return part && type ? read(part, row - (this.starts[at] ?? 0), type) : none;
  }

  value(row: number, column: number): Value {
    return this.at<Value>(row, column, null, (part, i, type) => valueAt(part, type, i));
  }

  /** To sort and to count by: numbers and times (days, microseconds) as they lie there, texts that
   * are numbers as numbers; null for NULL and for what is no number. */
  number(row: number, column: number): number | null {
    return this.at<number | null>(row, column, null, (part, i) => {
      const value = present(part, i) ? doubleAt(part, i) : Number.NaN;
      return Number.isNaN(value) ? null : value;
    });
  }
}

class Payload {
  private readonly view: DataView;
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  take(length: number): number {
    if (!(length <= this.bytes.byteLength - this.at)) throw new ColumnsError('a frame of the result is shorter than what it says it holds');
    const from = this.at;
    this.at += length;
    return from;
  }
  u8(): number {
    return this.view.getUint8(this.take(1));
  }
  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  buffer(length: number): Uint8Array {
    const from = this.take(up(length));
    return this.bytes.subarray(from, from + length);
  }
  end(): void {
    if (this.at !== this.bytes.byteLength) throw new ColumnsError('a frame of the result is longer than what it holds');
  }
}

/** `bytes` begins at a multiple of eight of its buffer, and so does all that Payload gives. */
function readPart(from: Payload, rows: number): Part {
  const kind = from.u8();
  const nulls = from.u8();
  from.take(6);
  const words = Math.ceil(rows / 64) * 8;
  const valid = nulls ? from.buffer(words) : undefined;
  const view = (bytes: Uint8Array): [ArrayBuffer, number] => [bytes.buffer as ArrayBuffer, bytes.byteOffset];
  switch (kind) {
    case Kind.bits:
      return { kind, valid, bits: from.buffer(words) };
    case Kind.int32:
      return { kind, valid, ints: new Int32Array(...view(from.buffer(rows * 4)), rows) };
    case Kind.int64:
      return { kind, valid, longs: new Uint32Array(...view(from.buffer(rows * 8)), rows * 2) };
    case Kind.float64:
      return { kind, valid, doubles: new Float64Array(...view(from.buffer(rows * 8)), rows) };
    case Kind.text: {
      const offsets = new Uint32Array(...view(from.buffer((rows + 1) * 4)), rows + 1);
      for (let i = 0, before = 0; i <= rows; i++) {
        const offset = offsets[i] ?? 0;
        if (offset < before || (i === 0 && offset !== 0)) throw new ColumnsError('the texts of the result overlap');
        before = offset;
      }
      return { kind, valid, offsets, bytes: from.buffer(offsets[rows] ?? 0) };
    }
    default:
      throw new ColumnsError(`the result holds a buffer of kind ${kind}, which this app does not know; reload the page`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readJson(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    value = undefined;
  }
  if (!isRecord(value)) throw new ColumnsError('a frame of the result is no JSON object');
  return value;
}

function readHead(bytes: Uint8Array): Column[] {
  const head = readJson(bytes);
  if (head['format'] !== 'weir-columns' || head['version'] !== 1) throw new ColumnsError('the server sends results in a form that this app does not know; reload the page');
  const columns: unknown = head['columns'];
  if (!Array.isArray(columns)) throw new ColumnsError('the result has no columns');
  return columns.map((column: unknown): Column => {
    const type = isRecord(column) ? types.find((one) => one === column['type']) : undefined;
    if (!isRecord(column) || !type) throw new ColumnsError('the result has a column without a type');
    return { name: String(column['name']), type, engineType: String(column['engine_type']) };
  });
}

export interface Limits {
  /** Of all frames together, in bytes; what comes beyond it is refused. */
  bytes: number;
}

/** Fed with what comes; `table` is there as soon as the head is, and grows. */
export class ColumnsReader {
  table: ColumnTable | undefined;
  ending: Ending | undefined;
  fault: StreamFault | undefined;
  bytes = 0;
  private readonly head = new Uint8Array(8);
  private headed = 0;
  private payload: Uint8Array | undefined;
  private filled = 0;

  constructor(private readonly limits: Limits = { bytes: 1024 ** 3 }) {}

  get done(): boolean {
    return this.ending !== undefined || this.fault !== undefined;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.done) throw new ColumnsError('the result goes on after its end');
      if (!this.payload) {
        const part = bytes.subarray(at, at + 8 - this.headed);
        this.head.set(part, this.headed);
        this.headed += part.length;
        at += part.length;
        if (this.headed === 8) this.begin();
      } else {
        const part = bytes.subarray(at, at + this.payload.length - this.filled);
        this.payload.set(part, this.filled);
        this.filled += part.length;
        at += part.length;
      }
      if (this.payload && this.filled === this.payload.length) this.finish(this.payload);
    }
  }

  /** Says that no more comes. */
  close(): void {
    if (!this.done) throw new ColumnsError('the connection broke before the result had ended');
  }

  private begin(): void {
    const length = new DataView(this.head.buffer).getUint32(0, true);
    this.bytes += length;
    if (length % 8) throw new ColumnsError('a frame of the result has an odd length');
    if (this.bytes > this.limits.bytes) throw new ColumnsError('the result is larger than this page can hold; add a LIMIT, or export it');
    this.payload = new Uint8Array(length);
    this.filled = 0;
    this.headed = 0;
  }

  private finish(payload: Uint8Array): void {
    this.payload = undefined;
    const kind = this.head[4];
    if ((kind === Frame.head) !== (this.table === undefined) && kind !== Frame.error) throw new ColumnsError('the frames of the result are out of order');
    switch (kind) {
      case Frame.head:
        this.table = new ColumnTable(readHead(payload));
        return;
      case Frame.rows:
        this.addRows(payload);
        return;
      case Frame.end: {
        const end = readJson(payload);
        this.ending = { rows: Number(end['rows']), truncated: end['truncated'] === true, elapsedMs: Number(end['elapsed_ms']) };
        if (this.ending.rows !== this.table?.rows) throw new ColumnsError('rows of the result are missing');
        return;
      }
      case Frame.error: {
        const error = readJson(payload)['error'];
        if (!isRecord(error)) throw new ColumnsError('the server says that the query failed, but not why');
        this.fault = { code: String(error['code']), message: String(error['message']) };
        const position = error['position'];
        if (isRecord(position)) this.fault.position = { offset: Number(position['offset']), line: Number(position['line']), column: Number(position['column']) };
        return;
      }
      default:
        throw new ColumnsError(`the result holds a frame of kind ${kind ?? 0}, which this app does not know; reload the page`);
    }
  }

  private addRows(bytes: Uint8Array): void {
    const from = new Payload(bytes);
    const rows = from.u32();
    const columns = from.u32();
    if (!this.table || columns !== this.table.columns.length) throw new ColumnsError('a frame of the result has other columns than its head');
    // A row is at least a bit of each column's buffer.
    if (rows === 0 || rows > Math.max(8 * bytes.length, 1)) throw new ColumnsError('a frame of the result says that it holds more rows than it can');
    const parts = Array.from({ length: columns }, () => readPart(from, rows));
    from.end();
    this.table.add({ rows, parts });
  }
}
