// A file on its way to the server. fetch() tells nothing of how far it is, so this is an XMLHttpRequest.
import { ApiError, link } from '../api/client';
import type { components } from '../api/schema';

export type Upload = components['schemas']['Upload'];

interface Options {
  /** Puts the rows in the place of those that are there. */
  replace: boolean;
  header?: 'yes' | 'no' | undefined;
  /** 0 to 1 of the bytes that are sent; null: all are, and the server reads them. */
  onprogress: (share: number | null) => void;
  signal: AbortSignal;
}

function refusal(request: XMLHttpRequest): ApiError {
  let message = `the server answers ${request.status}`;
  let code = '';
  try {
    const { error } = JSON.parse(request.responseText) as { error: { message: string; code: string } };
    message = error.message;
    code = error.code;
  } catch {
    // no JSON: the status says all there is
  }
  return new ApiError('refused', message, request.status, code);
}

export function upload(file: File, name: string, { replace, header, onprogress, signal }: Options): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = new URLSearchParams(replace ? {} : { name });
    if (header) query.set('header', header);
    const path = replace ? `/api/uploads/${encodeURIComponent(name)}` : '/api/uploads';
    request.open(replace ? 'PUT' : 'POST', query.size ? `${path}?${query}` : path);
    request.setRequestHeader('Content-Type', 'text/csv');
    if (link.csrf) request.setRequestHeader('X-Weir-CSRF', link.csrf);
    if (link.seeAs) request.setRequestHeader('X-Weir-See-As', link.seeAs);
    request.upload.onprogress = (event) => onprogress(event.lengthComputable ? event.loaded / event.total : null);
    request.upload.onload = () => onprogress(null);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText) as Upload);
      else reject(refusal(request));
    };
    request.onerror = () => reject(new ApiError('offline', 'the upload broke off; the server may have refused a file of this size'));
    request.onabort = () => reject(new ApiError('cancelled', 'cancelled'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
