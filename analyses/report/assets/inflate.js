// Arrays stand in the page deflated and as base64 text. They are unpacked before anything else begins.

/** The arrays of each element that holds some, as one buffer, by the element's id.
 * @type {Map<string, ArrayBuffer>} */
const packs = new Map();

/** Return the bytes of a text in base64. */
function bytesOf(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Unpack the arrays of an element. */
async function inflate({ id, textContent }) {
  const text = textContent.trim();
  if (!text) return;
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  packs.set(id, await new Response(stream).arrayBuffer());
}

/** Unpack the arrays of the whole page. */
const inflateAll = () => Promise.all(Array.from(document.querySelectorAll('script[type="text/plain"]'), inflate));
