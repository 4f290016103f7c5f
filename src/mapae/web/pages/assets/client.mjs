// Mapae in a browser: sign in, wait politely in the line, stay signed in, sign out. No dependency; types in mapae.d.ts.
// The tokens are in HttpOnly cookies, which no script can read. Nothing is ever kept in a storage.

const TIMEOUT = 10_000;
const home = new URL(".", import.meta.url).pathname.replace(/\/$/, "");

export class MapaeError extends Error {
  constructor(code, { status = 0, problem = {}, retryAfter = 0 } = {}) {
    super(problem.detail ?? code);
    Object.assign(this, { name: "MapaeError", code, status, problem, retryAfter });
  }
}

export function createClient({ base = home, onChange = () => {}, onWait = () => {} } = {}) {
  const news = new BroadcastChannel("mapae:" + base);
  let session = null; // who is signed in, as far as this page knows
  let due = 0; // when to renew, by a clock that nobody can set
  let flying = null; // the one renewal of this page

  function adopt(found) {
    session = found && { account: found.account, session: found.session, scope: found.scope };
    const lifetime = found?.expires_in ?? Infinity;
    const early = Math.min(30, lifetime / 10) + (Math.random() * lifetime) / 10; // not all tabs and people at once
    due = found ? performance.now() + 1000 * (lifetime - early) : Infinity;
    queueMicrotask(() => onChange(session)); // after whatever lock is held
    return session;
  }

  news.onmessage = ({ data }) => adopt(data); // from another tab of this origin

  function tell(found) {
    news.postMessage(found);
    return adopt(found);
  }

  async function call(path, body, signal) {
    const answer = await fetch(base + path, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: body && { "content-type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]),
    });
    const members = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (answer.ok) return { ...members, retryAfter: seconds(answer) };
    const code = members.code ?? "unreachable";
    throw new MapaeError(code, { status: answer.status, problem: members, retryAfter: seconds(answer) });
  }

  // A little longer than told, never shorter, so that those who were told the same do not come together.
  function pause(least, signal) {
    return new Promise((passed, failed) => {
      if (signal?.aborted) return failed(signal.reason);
      setTimeout(passed, 1000 * least * (1 + 0.15 * Math.random()));
      signal?.addEventListener("abort", () => failed(signal.reason), { once: true });
    });
  }

  const lost = (error) => !(error instanceof MapaeError) || error.status >= 500;

  async function line(place, signal) {
    for (;;) {
      signal?.throwIfAborted();
      onWait({ position: place.position, wait: place.wait ?? null, retryAfter: place.retryAfter });
      await pause(place.retryAfter, signal);
      try {
        const answer = await call("/v1/ticket", undefined, signal);
        if (answer.state === "admitted") return;
        place = answer;
      } catch (error) {
        if (error.code === "ticket_refused") return; // the server took it back; the next try begins anew
        if (!lost(error)) throw error; // else the place is kept, however long nobody answers
      }
    }
  }

  async function signIn(email, password, { signal } = {}) {
    for (let failures = 0; ; ) {
      signal?.throwIfAborted();
      try {
        return tell(await call("/v1/sign-in", { email, password, delivery: "cookie" }, signal));
      } catch (error) {
        if (error.code === "waiting") await line({ ...error.problem, retryAfter: error.retryAfter }, signal);
        else if (error.code === "busy" || error.code === "too_many_places") await pause(error.retryAfter, signal);
        else if (failures++ < 4 && (error.code === "ticket_refused" || lost(error))) await pause(failures, signal);
        else throw error;
      }
    }
  }

  async function exchange() {
    for (let failures = 0; ; failures++) {
      try {
        return tell(await call("/v1/refresh")); // the same cookie again when an answer was lost
      } catch (error) {
        if (error.status === 401) tell(null);
        if (failures === 2 || !lost(error)) throw error;
        await pause(Math.max(error.retryAfter ?? 0, 0.5 * 2 ** failures));
      }
    }
  }

  async function renew(seen) {
    const work = async () => {
      await new Promise((passed) => setTimeout(passed)); // what a sister tab has told lands first
      return due === seen ? exchange() : session; // else somebody else has renewed while this one waited
    };
    if (!navigator.locks) return work();
    try {
      return await navigator.locks.request("mapae:" + base, { signal: AbortSignal.timeout(TIMEOUT) }, work);
    } catch (error) {
      if (error.name === "TimeoutError" || error.name === "AbortError") return work(); // never wait without end
      throw error;
    }
  }

  const refresh = () => (flying ??= renew(due).finally(() => (flying = null)));

  async function authorized(input, init) {
    if (session && performance.now() >= due) await refresh().catch(() => {}); // a token that still lives will do
    const again = input instanceof Request ? input.clone() : input;
    const seen = due;
    const answer = await fetch(input, { credentials: "same-origin", ...init });
    if (answer.status !== 401 || init?.body instanceof ReadableStream) return answer;
    if (due === seen && !(await refresh().catch(() => null))) return answer;
    return fetch(again, { credentials: "same-origin", ...init });
  }

  async function signOut() {
    await call("/v1/sign-out").catch((error) => { if (error.status !== 401) throw error; });
    tell(null);
  }

  return { signIn, signOut, refresh, fetch: authorized, get session() { return session; }, close: () => news.close() };
}

const seconds = (answer) => Math.max(1, Number(answer.headers.get("retry-after")) || 0);
