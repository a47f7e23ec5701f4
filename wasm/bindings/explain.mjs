// Why a file of the module's folder could not be loaded, in words. Browsers
// themselves say next to nothing.

// `accepted`: a regular expression for the right type; `wanted`: that type.
// Returns null if the server sends the file as it should.
export async function explain(url, accepted, wanted) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    return `${url} cannot be fetched: ${error.message}`;
  }
  await response.body?.cancel();
  return explainResponse(response, accepted, wanted);
}

export function explainResponse(response, accepted, wanted) {
  const {url, status, ok} = response;
  if (!ok) {
    return `${url}: HTTP ${status}; the server must have the module's whole ` +
        'folder';
  }
  const type = response.headers.get('Content-Type') ?? '';
  if (!accepted.test(type)) {
    return `${url} is served as '${type}': the server must send it as ` +
        wanted;
  }
  return null;
}

export const isScript = /^(text|application)\/(x-)?javascript\b/;
export const isWasm = /^application\/wasm\b/;
