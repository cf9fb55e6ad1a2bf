"use strict";
// Dentro del modelo: incrustaciones, a quién mira cada cabeza y el camino residual.

function showEmbedding(explorer) {
  const { place } = explorer;
  const id = explorer.ids[place];
  const token = explorer.whole.row("tok_emb.weight", id);
  const position = explorer.whole.row("pos_emb.weight", place);
  const sum = explorer.whole.embed(id, place);
  byId("embedding-says").textContent =
    `«${spoken(explorer.word())}» es el token ${id} y está en el lugar ${place}, contando desde 0. ` +
    "Su fila en la tabla de tokens, más la de su lugar en la de posiciones, es lo que lee el primer bloque.";
  const largest = largestOf(token, position, sum);
  const names = ["token", "posición", "suma"];
  byId("strips").replaceChildren(
    ...[token, position, sum].map((vector, i) => strip(vector, names[i], largest)),
  );
  byId("strips-table").replaceChildren(vectorTable("Las incrustaciones", names, [token, position, sum]));
  const near = explorer.words.map((word, other) => [
    cosine(token, explorer.whole.row("tok_emb.weight", other)),
    word,
  ]);
  const best = near
    .filter(([, word]) => word !== explorer.word())
    .sort((a, b) => b[0] - a[0])
    .slice(0, 5);
  byId("neighbours").textContent =
    "De todas las filas de la tabla de tokens, estas son las que más se le parecen (1 es la " +
    `misma dirección): ${best.map(([value, word]) => `«${spoken(word)}» ${spanish(value)}`).join(", ")}. ` +
    "¿Qué tienen en común?";
}

/** La similitud del coseno: 1 si dos vectores apuntan igual, 0 si no tienen que ver. */
function cosine(a, b) {
  const product = (x, y) => dot(x, 0, y, 0, x.length);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

function showLens(explorer) {
  if (explorer.veiled) return;
  const { stream } = explorer.traces[explorer.place];
  const names = stream.map((_, l) => (l === 0 ? "antes de los bloques" : `tras el bloque ${l - 1}`));
  const strips = stream.map((vector, l) =>
    strip(vector, `${names[l]}; el mayor, ${spanish(largestOf(vector))}`, largestOf(vector)),
  );
  const rows = stream.map((vector, l) => {
    const probabilities = softmax(explorer.whole.logits(vector));
    const order = Array.from(probabilities.keys())
      .sort((a, b) => probabilities[b] - probabilities[a])
      .slice(0, 3);
    const distance = explorer.reading() ? spanish(explorer.divergence(probabilities)) : "–";
    return [
      names[l],
      ...order.map((id) => el("span", {}, wordNode(explorer.words[id]), ` ${spanish(probabilities[id])}`)),
      distance,
    ];
  });
  const head = ["altura", "1.ª", "2.ª", "3.ª", "distancia"];
  byId("lens").replaceChildren(
    ...strips,
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Lo que diría a cada altura" },
      table("Lo que diría a cada altura", head, rows, { visible: true }),
    ),
  );
  byId("stream-table").replaceChildren(vectorTable("El camino residual", names, stream));
}

function showAttention(explorer) {
  const { place } = explorer;
  const weights = weightsOf(explorer);
  byId("attention-question").textContent =
    `Para decidir qué viene detrás de «${spoken(explorer.word())}», ¿a qué palabras miraría cada cabeza? ` +
    "Piénsalo y elige una.";
  const words = storyWords(explorer);
  wordList(byId("looks"), "Palabras a las que mira", words, place, (word, at) => {
    const weight = weights[at] ?? 0;
    return { text: `${spoken(word)}, lugar ${at}, peso ${spanish(weight)}`, weight };
  });
  showLines(explorer);
  const most = Array.from(weights.keys())
    .sort((a, b) => weights[b] - weights[a])
    .slice(0, 4);
  const said = most.map((at) => `«${spoken(words[at])}» ${spanish(weights[at])}`).join(", ");
  byId("attention-says").textContent =
    `La del ${headName(explorer.head)}, leyendo «${spoken(explorer.word())}», mira sobre todo a ${said}.`;
  byId("attention-table").replaceChildren(attentionTable(explorer));
}

/** A quién mira la cabeza elegida desde el lugar elegido. */
function weightsOf({ traces, place, head }) {
  const [layer, number] = head.split(".");
  return traces[place].weights[layer][number];
}

function showLines(explorer) {
  drawLooks(byId("looks"), explorer.place, weightsOf(explorer));
}

/** Los pesos de las ocho cabezas: una fila por token mirado, los diez que más llaman a alguna. */
function attentionTable(explorer) {
  const all = explorer.traces[explorer.place].weights.flat();
  const most = (place) => Math.max(...all.map((weights) => weights[place]));
  const places = Array.from(all[0].keys())
    .sort((a, b) => most(b) - most(a))
    .slice(0, 10)
    .sort((a, b) => a - b);
  const cell = (weight) => {
    const made = el("td", { class: "weight" }, spanish(weight));
    made.style.setProperty("--w", weight);
    return made;
  };
  const rows = places.map((place) => [
    el("span", {}, wordNode(explorer.word(place)), ` (${place})`),
    ...all.map((weights) => cell(weights[place])),
  ]);
  const rest = all.map((weights) => Math.max(0, 1 - places.reduce((sum, place) => sum + weights[place], 0)));
  if (all[0].length > places.length) rows.push(["las demás", ...rest.map(cell)]);
  const heads = allHeads(explorer.whole.config).map((head) => headName(head));
  return table("Pesos de atención de cada cabeza", ["token mirado", ...heads], rows);
}
