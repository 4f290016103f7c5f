/** What `mapae.js` offers. */

export interface Session {
  account: string;
  session: string;
  /** Separated by spaces. */
  scope: string;
}

export interface Place {
  /** From 1 on. */
  position: number;
  /** Seconds, least and most; null while the line stands still. */
  wait: [number, number] | null;
  /** Seconds after which the service is asked again. */
  retryAfter: number;
}

/** The service refused, or gave no usable answer. */
export class MapaeError extends Error {
  /** One of the problem codes, such as `sign_in_refused`; `unreachable` when the answer was none of the service's. */
  code: string;
  status: number;
  problem: Record<string, unknown>;
  /** Seconds after which the same may succeed. */
  retryAfter: number;
}

export interface Client {
  /** Who is signed in, as far as this page knows; null at first, and after the end. */
  readonly session: Session | null;
  /** Sign in; where there is a waiting line, wait in it. Abort `signal` to give up: the place is kept. */
  signIn(email: string, password: string, options?: { signal?: AbortSignal }): Promise<Session>;
  /** Fetch as this person: renews the session before it ends, and once more after a 401. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Renew the session now; one at a time in all tabs. */
  refresh(): Promise<Session | null>;
  /** End the session, in every tab. */
  signOut(): Promise<void>;
  /** Hear no more from other tabs. */
  close(): void;
}

export function createClient(options?: {
  /** Where the service is mounted; where this file comes from, when left out. */
  base?: string;
  onChange?: (session: Session | null) => void;
  onWait?: (place: Place) => void;
}): Client;
