"use strict";
// La palabra que sigue: la verdad de la gramática al lado de lo que cree el modelo, y los mandos.

const MOST = 12; // palabras posibles que se dibujan, como mucho
const SEEN = 0.005; // desde aquí se dibuja también una imposible

/** ¿Están los mandos donde no hacen nada? */
function isNeutral({ temperature, topK, topP }) {
  return temperature === 1 && topK === Infinity && topP === 1;
}

function showBars(explorer) {
  const silent = explorer.veiled || explorer.isFull();
  const truth = explorer.reading()?.distribution;
  byId("bars").replaceChildren(silent ? "" : barTable(explorer, truth ?? new Map()));
  byId("gap").textContent = gapText(explorer, truth);
}

/** Una fila por palabra: las que pueden venir y las imposibles en que el modelo cree algo. */
function barTable(explorer, truth) {
  const raw = explorer.belief(explorer.wholeTraces, {});
  const belief = explorer.belief();
  const [p, q, before] = [truthOf(truth), modelOf(explorer, belief), modelOf(explorer, raw)];
  const possible = [...truth.keys()].sort((a, b) => p(b) - p(a) || q(b) - q(a));
  const intruders = explorer.words.filter((word) => !truth.has(word) && q(word) >= SEEN);
  intruders.sort((a, b) => q(b) - q(a));
  const shown = [...possible.slice(0, MOST), ...intruders.slice(0, truth.size ? 4 : MOST)];
  const rows = shown.map((word) => [
    barHead(word, truth.size && !truth.has(word)),
    truth.size ? barCell(p(word), "truth") : "–",
    barCell(q(word), "model", before(word)),
  ]);
  const rest = possible.slice(MOST);
  const sum = (of) => rest.reduce((total, word) => total + of(word), 0);
  if (rest.length)
    rows.push([`otras ${rest.length}`, barCell(sum(p), "truth"), barCell(sum(q), "model", sum(before))]);
  return table("La palabra que sigue: probabilidades", ["palabra", "la verdad", "el modelo"], rows, {
    name: "bars",
  });
}

/** La probabilidad de una palabra según la gramática. */
function truthOf(truth) {
  return (word) => truth.get(word) ?? 0;
}

/** La probabilidad de una palabra según el modelo. */
function modelOf(explorer, probabilities) {
  return (word) => probabilities[explorer.number.get(word)];
}

function barHead(word, impossible) {
  const add = hidden("Añadir ");
  const button = el("button", { type: "button", class: "word", "data-add": word }, add, wordNode(word));
  return el("span", {}, button, ...(impossible ? [el("small", {}, "imposible")] : []));
}

function gapText(explorer, truth) {
  if (explorer.veiled) return "";
  if (explorer.isFull()) return "Aquí no viene ninguna palabra.";
  if (!truth) {
    return "Ningún cuento empieza así, y ya no hay verdad con que comparar. El modelo sigue opinando.";
  }
  const raw = explorer.belief(explorer.wholeTraces, {});
  const belief = explorer.belief();
  const nats = explorer.divergence(belief);
  const possible = [...truth.keys()].reduce((sum, word) => sum + modelOf(explorer, belief)(word), 0);
  const changed = !isNeutral(explorer.mixer) || explorer.model.headsOff.size > 0;
  const parts = [
    nats === Infinity
      ? "La distancia (divergencia KL) es infinita: el modelo nunca diría alguna palabra que sí puede venir."
      : `Distancia entre la verdad y el modelo (divergencia KL): ${spanish(nats)} nats.`,
    changed ? `Entero y sin mandos, ${spanish(explorer.divergence(raw))}.` : "",
    `La propia verdad duda ${spanish(explorer.entropy())} nats, y eso no lo quita nadie.`,
    `A todo lo imposible junto, el modelo le da ${spanish(Math.max(0, 1 - possible))}.`,
  ];
  return parts.filter(Boolean).join(" ");
}

function showMixer({ temperature, topK, topP }) {
  byId("temperature-value").textContent =
    temperature === 0 ? "0 (siempre la favorita)" : spanish(temperature, 1);
  byId("top-k-value").textContent = topK === Infinity ? "todas" : `las ${topK} mayores`;
  byId("top-p-value").textContent = topP === 1 ? "1 (no quita nada)" : spanish(topP);
  if (topK === 1) byId("top-k-value").textContent = "solo la mayor";
}
