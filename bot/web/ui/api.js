// Talks to our own server, and to nobody else.

const meta = document.querySelector('meta[name="citewire-root"]');
export const ROOT = meta ? meta.content : "";

export class ApiError extends Error {
  constructor(message, type = "ConnectionLost", status = 0) {
    super(message);
    this.type = type;
    this.status = status;
  }
}

async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(ROOT + path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is citewire serve still running?");
  }
  if (response.status === 401) {
    location.assign(`${ROOT}/login`);
    throw new ApiError("Log in first.", "LoginNeeded", 401);
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new ApiError(told.error?.message ?? `The server answered ${response.status}.`, told.error?.type, response.status);
  }
  return response;
}

const json = (method, body, signal) => ({
  method,
  signal,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

export const get = async (path) => (await send(path)).json();
export const text = async (path) => (await send(path)).text();
export const post = async (path, body = {}) => (await send(path, json("POST", body))).json();
export const patch = async (path, body) => (await send(path, json("PATCH", body))).json();
export const remove = (path) => send(path, { method: "DELETE" });

// Calls `tell` with each line of an NDJSON answer; ends with the stream.
export async function stream(path, body, tell, signal) {
  const options = body instanceof FormData ? { method: "POST", body, signal } : json("POST", body, signal);
  const response = await send(path, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let step;
    try {
      step = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("The connection was lost before the answer was complete. Ask again.");
    }
    if (step.done) return;
    rest += step.value;
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) tell(JSON.parse(line));
  }
}
