// What the content policy asks of code that inserts styles or starts workers
// (docs/design/web.md). Nothing else in the app may make a trusted value.

interface Policy {
  createScriptURL(url: string): string;
}

let policy: Policy | undefined;

/** The nonce that <style> elements of this page must carry. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
}

/** The address of one of our own files, for `new Worker()`. */
export function workerAddress(url: URL): string {
  const checked = (address: string): string => {
    const { origin, pathname } = new URL(address, location.href);
    if (origin !== location.origin || !pathname.startsWith('/assets/')) throw new Error(`${address} is not a worker of this app`);
    return address;
  };
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: Policy): Policy } }).trustedTypes;
  if (!types) return checked(url.href);
  policy ??= types.createPolicy('weir', { createScriptURL: checked });
  return policy.createScriptURL(url.href);
}
