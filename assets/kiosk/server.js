// Asks the server. `Lost`: nobody answered, which passes. `Refused`: it said no, with a status.
const WAIT = 30000;

export class Lost extends Error {}
export class Refused extends Error {
  constructor(status, seconds) {
    super(String(status));
    this.status = status;
    this.seconds = seconds;
  }
}

export async function ask(path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  let answer, content;
  try {
    answer = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      body: json ? JSON.stringify(body) : body,
      headers: json ? { "Content-Type": "application/json" } : {},
      signal: AbortSignal.timeout(WAIT),
    });
    content = await answer.json();
  } catch (error) {
    throw new Lost(String(error));
  }
  // A proxy in front of a server that is gone answers in its place.
  if ([502, 504].includes(answer.status)) throw new Lost(String(answer.status));
  if (!answer.ok) throw new Refused(answer.status, Number(answer.headers.get("Retry-After") || 0));
  return content;
}
