// A pen draws the same marks on a canvas or as SVG: what is saved is what is seen.

/** The path of an SVG, drawn by the verbs of a canvas's path that this page uses. */
class SvgPath {
  constructor() {
    /** @type {string[]} */
    this.parts = [];
  }
  moveTo(x, y) {
    this.parts.push(`M${short(x)} ${short(y)}`);
  }
  lineTo(x, y) {
    this.parts.push(`L${short(x)} ${short(y)}`);
  }
  closePath() {
    this.parts.push("Z");
  }
  rect(x, y, width, height) {
    this.parts.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
  }
  /** A whole circle, begun at its right. */
  arc(_x, _y, radius) {
    const half = `a${short(radius)} ${short(radius)} 0 1 1 `;
    this.parts.push(`${half}${short(-2 * radius)} 0${half}${short(2 * radius)} 0`);
  }
}

const short = (value) => String(+value.toFixed(2));
const FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif";

/** Add a circle to a path. */
function addCircle(path, x, y, radius) {
  path.moveTo(x + radius, y);
  path.arc(x, y, radius, 0, 2 * Math.PI);
}

/** Return a pen that draws on a canvas. */
function canvasPen(context) {
  return {
    path: () => new Path2D(),
    fill(path, shade, alpha = 1) {
      context.globalAlpha = alpha;
      context.fillStyle = shade;
      context.fill(path);
      context.globalAlpha = 1;
    },
    stroke(path, shade, width, alpha = 1, dash = []) {
      context.globalAlpha = alpha;
      context.strokeStyle = shade;
      context.lineWidth = width;
      context.setLineDash(dash);
      context.stroke(path);
      context.setLineDash([]);
      context.globalAlpha = 1;
    },
    text(words, x, y, { shade = colour("ink"), size = 12, align = "left", weight = 400 } = {}) {
      context.font = `${weight} ${size}px ${FONT}`;
      context.textAlign = align;
      context.fillStyle = shade;
      context.fillText(words, x, y);
    },
    /** Draw in a box of which nothing sticks out. */
    within(x, y, width, height, draw) {
      context.save();
      context.translate(x, y);
      context.beginPath();
      context.rect(0, 0, width, height);
      context.clip();
      draw();
      context.restore();
    },
  };
}

/** Return a pen that writes SVG, and `svg()`, what it wrote. */
function svgPen(width, height) {
  const parts = [];
  let clips = 0;
  // Other programs know no rgba() in attributes.
  const paint = (name, shade, alpha) => {
    const found = /^rgba\((.*),\s*([\d.]+)\)$/.exec(shade);
    const opacity = (found ? Number(found[2]) : 1) * alpha;
    return `${name}="${found ? `rgb(${found[1]})` : shade}"${opacity < 1 ? ` ${name}-opacity="${short(opacity)}"` : ""}`;
  };
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return {
    path: () => new SvgPath(),
    fill(path, shade, alpha = 1) {
      if (path.parts.length) parts.push(`<path d="${path.parts.join("")}" ${paint("fill", shade, alpha)}/>`);
    },
    stroke(path, shade, wide, alpha = 1, dash = []) {
      const dashed = dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
      const look = `fill="none" ${paint("stroke", shade, alpha)} stroke-width="${short(wide)}"${dashed}`;
      if (path.parts.length) parts.push(`<path d="${path.parts.join("")}" ${look}/>`);
    },
    text(words, x, y, { shade = colour("ink"), size = 12, align = "left", weight = 400 } = {}) {
      const anchor = { left: "start", center: "middle", right: "end" }[align];
      parts.push(
        `<text x="${short(x)}" y="${short(y)}" ${paint("fill", shade, 1)} font-size="${size}" font-weight="${weight}" ` +
          `text-anchor="${anchor}">${escaped(words)}</text>`,
      );
    },
    within(x, y, wide, high, draw) {
      const id = `clip${clips++}`;
      parts.push(`<clipPath id="${id}"><rect width="${short(wide)}" height="${short(high)}"/></clipPath>`);
      parts.push(`<g transform="translate(${short(x)} ${short(y)})" clip-path="url(#${id})">`);
      draw();
      parts.push("</g>");
    },
    svg: () =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="${FONT}">\n${parts.join("\n")}\n</svg>\n`,
  };
}
