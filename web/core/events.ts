// Server-sent events from a stream's text, for pages whose requests carry a header (EventSource
// sends none).

/** Takes pieces of text as they come; gives the data of each event that is whole. */
export class EventText {
  private rest = '';

  push(piece: string): string[] {
    const lines = (this.rest + piece).split('\n\n');
    this.rest = lines.pop() ?? '';
    return lines.flatMap((event) => {
      const data = event.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart());
      return data.length ? [data.join('\n')] : [];
    });
  }
}
