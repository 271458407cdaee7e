/** Requests to the server, and its errors. */

import {app} from "./state.js";

/** What the server refused or could not do; `status` 0: it was not reached. */
export class ApiError extends Error {
  constructor(status, {kind, message, problems = [], facts = {}}) {
    super(message);
    Object.assign(this, {status, kind, problems, facts});
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === 0 || this.status >= 500;
  }
}

/**
 * Asks for something.
 *
 * @param {string} path below /api/, for example "about".
 * @param {Object} [parameters] of the query; null and undefined are left out.
 * @param {Object} [options] `signal` of an AbortController; `raw`: give the response instead of its JSON.
 */
export async function get(path, parameters = {}, {signal, raw = false} = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined));
  const response = await fetched(`/api/${path}${query.size ? `?${query}` : ""}`, {headers: headers(), signal});
  return raw ? response : response.json();
}

/** Sends something, as JSON; gives the answer. */
export async function send(path, body, {method = "POST", signal, keepalive = false} = {}) {
  const init = {method, headers: {...headers(), "Content-Type": "application/json"}, signal, keepalive};
  return (await fetched(`/api/${path}`, {...init, body: JSON.stringify(body)})).json();
}

function headers() {
  return app.reviewer ? {"Cal-Reviewer": encodeURIComponent(app.reviewer)} : {};
}

async function fetched(address, init) {
  let response;
  try {
    response = await fetch(address, {...init, credentials: "same-origin", cache: "no-store"});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, {kind: "network", message: "The server cannot be reached. Is it still running?"});
  }
  if (response.ok) return response;
  let told = null;
  try {
    told = (await response.json()).error;
  } catch {
    // not one of our answers
  }
  throw new ApiError(response.status, told ?? {kind: "unexpected", message: `The server answered ${response.status}.`});
}
