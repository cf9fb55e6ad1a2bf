"use strict";
// Cada parte de la página, dibujada a partir del estado.

const byId = (id) => document.getElementById(id);

/** El nombre de una cabeza, que se guarda como "bloque.cabeza". */
function headName(head) {
  const [layer, number] = head.split(".");
  return `bloque ${layer}, cabeza ${number}`;
}

/** Todas las cabezas del modelo. */
function allHeads({ n_layers: layers, n_heads: heads }) {
  return Array.from({ length: layers * heads }, (_, i) => `${Math.floor(i / heads)}.${i % heads}`);
}

/** Los tokens del cuento, con su lugar en él. */
function storyWords(explorer) {
  return explorer.ids.map((id) => explorer.words[id]);
}

/** ¿Es el token de un lugar la primera palabra que ningún cuento podía llevar ahí? */
function isWrong(explorer, place) {
  const { readings } = explorer;
  return place > 0 && !readings[place] && Boolean(readings[place - 1]) && explorer.word(place) !== END_OF_TEXT;
}

function showStory(explorer) {
  const words = storyWords(explorer);
  wordList(byId("story"), "El cuento", words, explorer.place, (word, place) => {
    const wrong = isWrong(explorer, place) || (place > 0 && word === END_OF_TEXT && !endsWell(explorer, place));
    const text = `${spoken(word)}, token ${explorer.ids[place]}, lugar ${place}${wrong ? ", imposible" : ""}`;
    return { text, extra: explorer.ids[place], wrong };
  });
  byId("undo").disabled = words.length === 1;
  byId("skip").disabled = !explorer.reading() || explorer.isFull();
  const rows = words.map((word, place) => [String(place), wordNode(word), String(explorer.ids[place])]);
  byId("tokens-table").replaceChildren(table("Los tokens del cuento", ["lugar", "token", "número"], rows));
  byId("place-says").textContent = placeSays(explorer);
}

/** ¿Podía acabar el cuento en ese lugar? */
function endsWell(explorer, place) {
  return Boolean(explorer.readings[place - 1]?.distribution.has(END_OF_TEXT));
}

function placeSays(explorer) {
  const { place, ids } = explorer;
  const where = `Leídos ${place + 1} de ${ids.length} tokens; el último, «${spoken(explorer.word())}».`;
  if (explorer.isFinished()) {
    const first = explorer.readings.findIndex((_, at) => isWrong(explorer, at));
    if (first > 0) return `El cuento ha acabado, pero no es de esta lengua: «${spoken(explorer.word(first))}», en el lugar ${first}, era imposible.`;
    return endsWell(explorer, place) ? "El cuento ha acabado, y es correcto." : "El cuento ha acabado antes de tiempo.";
  }
  if (explorer.isFull()) return `${where} No caben más: el modelo no tiene más posiciones.`;
  return where;
}

function showQuestion(explorer) {
  const { pending, answer } = explorer;
  const here = storyWords(explorer).slice(Math.max(1, explorer.place - 7), explorer.place + 1).join("").trim();
  const after = explorer.place === 0 ? "Empieza un cuento." : `«${explorer.place > 7 ? "…" : ""}${here}»`;
  byId("ask").hidden = !explorer.veiled;
  byId("question").textContent = questionText(explorer, after);
  if (explorer.veiled) {
    byId("options").replaceChildren(...explorer.choices().map((word) => el("button", { type: "button", "data-guess": word }, wordNode(word))));
  }
  byId("verdict").textContent = answer && !pending ? verdictText(explorer) : "";
  const { rounds, you, model, perfect } = explorer.score;
  const rows = [["tú", you, 0], ["el modelo", model, 1], ["el jugador perfecto", perfect, 2]].map(([who, total, i]) => [
    who, answer ? spanish(answer.points[i], 0) : "–", spanish(total, 0),
  ]);
  const head = ["quién juega", "esta palabra", `en total (${rounds})`];
  byId("score").replaceChildren(rounds ? table("Los puntos", head, rows, { visible: true, name: "score" }) : "");
  document.body.classList.toggle("asking", explorer.veiled);
}

function questionText(explorer, after) {
  if (explorer.isFinished()) return "El cuento ha acabado: no viene nada más. Empieza otro arriba.";
  if (explorer.isFull()) return "No cabe ni una palabra más. Empieza otro cuento arriba.";
  if (!explorer.reading()) return "Este comienzo ya no es de ningún cuento: la gramática no tiene respuesta.";
  if (explorer.place < explorer.ids.length - 1) {
    return `${after} Aquí vino «${spoken(explorer.word(explorer.place + 1))}». Ve al último token para seguir jugando.`;
  }
  return explorer.pending ? `${after} ¿Y ahora?` : `${after} Elige abajo la palabra con que sigue el cuento.`;
}

function verdictText(explorer) {
  const { word, favourite, best, points } = explorer.answer;
  const reading = explorer.reading();
  const yours = reading.distribution.has(word)
    ? `«${spoken(word)}» viene el ${spanish(points[0], 0)} % de las veces: ${spanish(points[0], 0)} puntos.`
    : `${whyImpossible(reading, word)} Cero puntos.`;
  const model = `El modelo apuesta por «${spoken(favourite)}» (${spanish(points[1], 0)})`;
  return `${yours} ${model}, y el jugador perfecto, por «${spoken(best)}» (${spanish(points[2], 0)}).`;
}

/** ¿Están los mandos donde no hacen nada? */
function isNeutral({ temperature, topK, topP }) {
  return temperature === 1 && topK === Infinity && topP === 1;
}

function showBars(explorer) {
  if (explorer.veiled || explorer.isFull()) {
    byId("bars").replaceChildren();
    byId("gap").textContent = explorer.isFull() ? "Aquí no viene ninguna palabra." : "";
    return;
  }
  const raw = explorer.belief(explorer.wholeTraces, {});
  const belief = explorer.belief();
  const truth = explorer.reading()?.distribution ?? new Map();
  const q = (word) => belief[explorer.number.get(word)];
  const shown = [...truth.keys()].sort((a, b) => truth.get(b) - truth.get(a) || q(b) - q(a)).slice(0, 12);
  const intruders = explorer.words.filter((word) => !truth.has(word) && q(word) >= 0.005).sort((a, b) => q(b) - q(a));
  shown.push(...intruders.slice(0, truth.size ? 4 : 12));
  const rows = shown.map((word) => {
    const button = el("button", { type: "button", class: "word", "data-add": word }, hidden("Añadir "), wordNode(word));
    const mark = truth.size && !truth.has(word) ? [el("small", {}, "imposible")] : [];
    return [
      el("span", {}, button, ...mark), truth.size ? barCell(truth.get(word) ?? 0, "truth") : "–",
      barCell(q(word), "model", raw[explorer.number.get(word)]),
    ];
  });
  const others = truth.size - Math.min(truth.size, 12);
  if (others) {
    const rest = [...truth.keys()].filter((word) => !shown.includes(word));
    const sum = (of) => rest.reduce((total, word) => total + of(word), 0);
    rows.push([`otras ${others}`, barCell(sum((word) => truth.get(word)), "truth"), barCell(sum(q), "model")]);
  }
  byId("bars").replaceChildren(table("La palabra que sigue: probabilidades", ["palabra", "la verdad", "el modelo"], rows, { name: "bars" }));
  byId("gap").textContent = truth.size ? gapText(explorer, belief, raw) : "Ningún cuento empieza así, y ya no hay verdad con que comparar. El modelo sigue opinando.";
}

function gapText(explorer, belief, raw) {
  const nats = explorer.divergence(belief);
  const possible = [...explorer.reading().distribution.keys()].reduce((sum, word) => sum + belief[explorer.number.get(word)], 0);
  const changed = !isNeutral(explorer.mixer) || explorer.model.headsOff.size > 0;
  const parts = [
    nats === Infinity
      ? "La distancia (divergencia KL) es infinita: así, el modelo nunca diría alguna palabra que sí puede venir."
      : `Distancia entre la verdad y el modelo (divergencia KL): ${spanish(nats)} nats.`,
    changed ? `Entero y sin mandos, ${spanish(explorer.divergence(raw))}.` : "",
    `La propia verdad duda ${spanish(explorer.entropy())} nats, y eso no lo quita nadie.`,
    `A todo lo imposible junto, el modelo le da ${spanish(Math.max(0, 1 - possible))}.`,
  ];
  return parts.filter(Boolean).join(" ");
}

function showMixer({ temperature, topK, topP }) {
  byId("temperature-value").textContent = temperature === 0 ? "0 (siempre la favorita)" : spanish(temperature, 1);
  byId("top-k-value").textContent = topK === Infinity ? "todas" : `las ${topK} mayores`;
  byId("top-p-value").textContent = topP === 1 ? "1 (no quita nada)" : spanish(topP);
  if (topK === 1) byId("top-k-value").textContent = "solo la mayor";
}

function showEmbedding(explorer) {
  const { place } = explorer;
  const id = explorer.ids[place];
  const token = explorer.whole.row("tok_emb.weight", id);
  const position = explorer.whole.row("pos_emb.weight", place);
  const sum = explorer.whole.embed(id, place);
  byId("embedding-says").textContent = `«${spoken(explorer.word())}» es el token ${id} y está en el lugar ${place}, contando desde 0. ` +
    "Su fila en la tabla de tokens, más la de su lugar en la de posiciones, es lo que lee el primer bloque.";
  const largest = largestOf(token, position, sum);
  const names = ["token", "posición", "suma"];
  byId("strips").replaceChildren(...[token, position, sum].map((vector, i) => strip(vector, names[i], largest)));
  byId("strips-table").replaceChildren(vectorTable("Las incrustaciones", names, [token, position, sum]));
  const near = explorer.words.map((word, other) => [cosine(token, explorer.whole.row("tok_emb.weight", other)), word]);
  const best = near.filter(([, word]) => word !== explorer.word()).sort((a, b) => b[0] - a[0]).slice(0, 5);
  byId("neighbours").textContent = "De todas las filas de la tabla de tokens, estas son las que más se le parecen (1 es la " +
    `misma dirección): ${best.map(([value, word]) => `«${spoken(word)}» ${spanish(value)}`).join(", ")}. ¿Qué tienen en común?`;
}

/** La similitud del coseno: 1 si dos vectores apuntan igual, 0 si no tienen que ver. */
function cosine(a, b) {
  const product = (x, y) => dot(x, 0, y, 0, x.length);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

function showLens(explorer) {
  if (explorer.veiled) return;
  const { stream } = explorer.traces[explorer.place];
  const largest = largestOf(...stream);
  const names = stream.map((_, l) => (l === 0 ? "antes de los bloques" : `tras el bloque ${l - 1}`));
  const strips = stream.map((vector, l) => strip(vector, names[l], largest));
  const rows = stream.map((vector, l) => {
    const probabilities = softmax(explorer.whole.logits(vector));
    const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]).slice(0, 3);
    const distance = explorer.reading() ? spanish(explorer.divergence(probabilities)) : "–";
    return [names[l], ...order.map((id) => el("span", {}, wordNode(explorer.words[id]), ` ${spanish(probabilities[id])}`)), distance];
  });
  const head = ["altura", "1.ª", "2.ª", "3.ª", "distancia (nats)"];
  byId("lens").replaceChildren(...strips, el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Lo que diría a cada altura" }, table("Lo que diría a cada altura", head, rows, { visible: true })));
  byId("stream-table").replaceChildren(vectorTable("El camino residual", names, stream));
}
