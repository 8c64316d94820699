// What the content policy asks of code that inserts styles (docs/design/web.md). Nothing else in the app
// may make a trusted value.

/** The nonce that <style> elements of this page must carry. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
}
