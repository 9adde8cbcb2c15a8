// Calls to the service. A key that is wanted leads to the login page, which stands at the same address.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function getJson(path) {
  return call(path, {});
}

export async function postJson(path, body) {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
}

async function call(path, options) {
  const response = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  if (response.status === 401) location.reload();
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, reason(response, body));
  return body;
}

function reason(response, body) {
  const detail = body?.detail;
  if (Array.isArray(detail)) return detail.map((one) => `${one.loc.slice(1).join(".")}: ${one.msg}`).join("; ");
  return detail ?? `The service answered ${response.status} ${response.statusText}.`;
}
