// What the page gives to its scripts, besides the browser's own: see page.html.

/** The arrays of the page by the id of the element that holds them. */
declare const packs: Map<string, ArrayBuffer>;
