// Convierte fórmulas de TeX a MathML con temml. Lee de la entrada estándar {"inline": [tex…], "display": [tex…]} y
// escribe en la salida {"inline": {tex: mathml…}, "display": {…}}. Lo llama formulas.py --convertir CARPETA.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = join(process.argv[2], "node_modules", "temml", "dist", "temml.mjs");
const { default: temml } = await import(pathToFileURL(folder));
const convert = (displayMode) => (tex) =>
  [tex, temml.renderToString(tex, { displayMode, annotate: true, throwOnError: true, macros: { "·": "\\cdot" } })];
const { inline, display } = JSON.parse(readFileSync(0, "utf8"));
const converted = {
  inline: Object.fromEntries(inline.map(convert(false))),
  display: Object.fromEntries(display.map(convert(true))),
};
process.stdout.write(JSON.stringify(converted, null, 1) + "\n");
