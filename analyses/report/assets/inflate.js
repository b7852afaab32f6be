// Arrays stand in the page deflated and as base64 text. They are unpacked before anything else begins.

/** Return the bytes of a text in base64. */
function bytesOf(text) {
  const { fromBase64 } = /** @type {any} */ (Uint8Array); // in browsers since 2025
  if (fromBase64) return fromBase64.call(Uint8Array, text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Return the arrays of an element of the page as one buffer. */
async function inflated({ textContent }) {
  const text = textContent.trim();
  if (!text) return new ArrayBuffer(0);
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Return the buffers of all elements that hold arrays, by the element's id. */
async function inflatedAll() {
  const elements = [...document.querySelectorAll('script[type="text/plain"]')];
  const entry = async (part) => /** @type {[string, ArrayBuffer]} */ ([part.id, await inflated(part)]);
  return new Map(await Promise.all(elements.map(entry)));
}
