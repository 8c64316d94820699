// Addresses of the app's pages: which page an address means, and what stands in its {names}.

export interface Match<R> {
  route: R;
  params: Record<string, string>;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** '/report/{id}' against '/report/k3v9': {id: 'k3v9'}; undefined when it does not fit. */
export function fits(pattern: string, path: string): Record<string, string> | undefined {
  const want = pattern.split('/').filter(Boolean);
  const have = path.split('/').filter(Boolean);
  if (want.length !== have.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of want.entries()) {
    const got = have[i] ?? '';
    if (part.startsWith('{')) params[part.slice(1, -1)] = decode(got);
    else if (part !== got) return undefined;
  }
  return params;
}

/** The first route that fits. */
export function match<R extends { path: string }>(routes: readonly R[], path: string): Match<R> | undefined {
  for (const route of routes) {
    const params = fits(route.path, path);
    if (params) return { route, params };
  }
  return undefined;
}
