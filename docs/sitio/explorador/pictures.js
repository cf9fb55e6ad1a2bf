"use strict";
// Los dibujos de la página: tablas, barras, franjas de números y líneas de atención.

/** El elemento de la página que se llama así. */
const byId = (id) => document.getElementById(id);

/** Un elemento con sus atributos y lo que lleva dentro (textos o elementos). */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Lo mismo, en SVG. */
function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Un token para verlo: con ␣ en el sitio del espacio, que un lector de pantalla se salta. */
function wordNode(word) {
  if (word === "\n" || word === END_OF_TEXT) {
    const visible = word === "\n" ? "↵" : "fin";
    return el("span", { class: "token" }, el("span", { "aria-hidden": true }, visible), hidden(spoken(word)));
  }
  const space = word.startsWith(" ") ? [el("span", { "aria-hidden": true, class: "space" }, "␣")] : [];
  return el("span", { class: "token" }, ...space, word.trim());
}

/** Un texto que solo oye quien usa un lector de pantalla. */
function hidden(text) {
  return el("span", { class: "hidden" }, text);
}

/** Una tabla con su título; la primera casilla de cada fila es su cabecera. */
function table(caption, head, rows, { visible = false, name = "" } = {}) {
  return el(
    "table",
    { class: name },
    el("caption", visible ? {} : { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, ...head.map((cell) => el("th", { scope: "col" }, cell)))),
    el(
      "tbody",
      {},
      ...rows.map(([first, ...cells]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, first),
          ...cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : el("td", {}, cell))),
        ),
      ),
    ),
  );
}

/** Una casilla con una barra de 0 a 1 y su número; `before`, si ha cambiado, se marca con una raya. */
function barCell(p, kind, before = p) {
  const changed = Math.abs(before - p) >= 0.005;
  const bar = el("span", { class: `bar ${kind}`, "aria-hidden": true }, el("i", {}));
  bar.style.setProperty("--p", p);
  if (changed) {
    bar.append(el("b", {}));
    bar.style.setProperty("--before", before);
  }
  const number = el("span", { class: "number" }, spanish(p));
  if (changed) number.append(hidden(`, y entero y sin mandos, ${spanish(before)}`));
  return el("td", {}, el("span", { class: "cell" }, bar, number));
}

/** Una franja: una casilla por número, naranja si es positivo y azul si no, más fuerte cuanto mayor. */
function strip(values, label, largest) {
  const width = 10;
  const cells = Array.from(values, (value, i) =>
    svg("rect", {
      x: i * width,
      width,
      height: 24,
      class: value < 0 ? "negative" : "positive",
      "fill-opacity": Math.min(1, Math.abs(value) / largest).toFixed(3),
    }),
  );
  const box = { viewBox: `0 0 ${values.length * width} 24`, preserveAspectRatio: "none" };
  const drawn = svg(
    "svg",
    { ...box, role: "img", "aria-label": `Franja de ${label}. Los números están en la tabla.` },
    ...cells,
  );
  return el("figure", { class: "strip" }, el("figcaption", {}, label), drawn);
}

/** El mayor número, sin signo, de varias listas: la escala común de unas franjas. */
function largestOf(...lists) {
  return Math.max(...lists.map((list) => list.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));
}

/** Una tabla con una fila por número de unos vectores de la misma longitud. */
function vectorTable(caption, names, vectors) {
  const rows = Array.from(vectors[0], (_, i) => [
    String(i),
    ...vectors.map((vector) => spanish(vector[i], 3)),
  ]);
  return table(caption, ["número", ...names], rows);
}

/** Los tokens en fila, de los que se elige uno: un solo alto del tabulador y flechas dentro. */
function wordList(container, label, words, chosen, describe) {
  const focused = container.contains(document.activeElement);
  container.setAttribute("role", "listbox");
  container.setAttribute("aria-label", label);
  container.replaceChildren(
    ...words.map((word, place) => {
      const { text, extra, weight = 0, wrong = false } = describe(word, place);
      const option = el(
        "span",
        {
          role: "option",
          "aria-selected": String(place === chosen),
          "aria-label": text,
          tabindex: place === chosen ? 0 : -1,
          "data-place": place,
          class: wrong ? "wrong" : null,
        },
        wordNode(word),
      );
      if (extra != null) option.append(el("small", {}, String(extra)));
      option.style.setProperty("--w", weight);
      return option;
    }),
  );
  if (focused) container.querySelector('[aria-selected="true"]').focus();
}

/** Las líneas de la atención: del token elegido a los que mira, más gruesas cuanto más peso. */
function drawLooks(container, chosen, weights) {
  container.querySelector("svg")?.remove();
  const frame = container.getBoundingClientRect();
  if (!frame.width) return;
  const center = (place) => {
    const box = container.querySelector(`[data-place="${place}"]`).getBoundingClientRect();
    return [box.left + box.width / 2 - frame.left, box.top - frame.top];
  };
  const [x, y] = center(chosen);
  const lines = Array.from(weights.keys())
    .filter((place) => weights[place] >= 0.03 && place !== chosen)
    .map((place) => {
      const [toX, toY] = center(place);
      const bend = Math.min(y, toY) - 14 - Math.abs(x - toX) / 12;
      return svg("path", {
        d: `M${x},${y} Q${(x + toX) / 2},${bend} ${toX},${toY}`,
        "stroke-width": (1 + 7 * weights[place]).toFixed(2),
        "stroke-opacity": (0.35 + 0.6 * weights[place]).toFixed(2),
      });
    });
  const size = { width: frame.width, height: frame.height, viewBox: `0 0 ${frame.width} ${frame.height}` };
  container.append(svg("svg", { ...size, class: "lines", "aria-hidden": "true" }, ...lines));
}
