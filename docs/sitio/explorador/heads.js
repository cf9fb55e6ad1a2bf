"use strict";
// Apagar cabezas: qué se rompe en el lugar elegido y, por clases de palabras, en unos cuantos cuentos.

const EXAM = 20; // cuentos en que se mide lo que se rompe
const EXAM_SEED = 7;

/** El nombre de una cabeza, que se guarda como "bloque.cabeza". */
function headName(head) {
  const [layer, number] = head.split(".");
  return `bloque ${layer}, cabeza ${number}`;
}

/** Todas las cabezas del modelo. */
function allHeads({ n_layers: layers, n_heads: heads }) {
  return Array.from({ length: layers * heads }, (_, i) => `${Math.floor(i / heads)}.${i % heads}`);
}

function showHeads(explorer) {
  const choose = (head) =>
    el(
      "label",
      {},
      el("input", { type: "radio", name: "head", value: head, checked: head === explorer.head }),
      headName(head),
    );
  const heads = allHeads(explorer.whole.config);
  if (!byId("head-choice").children.length) {
    byId("head-choice").replaceChildren(...heads.map(choose));
    byId("switches").replaceChildren(
      ...heads.map((head) =>
        el(
          "button",
          { type: "button", role: "switch", "data-head": head },
          el("span", {}, headName(head)),
          el("small", {}),
          el("small", {}),
        ),
      ),
    );
  }
  for (const button of byId("switches").children) {
    const on = !explorer.model.headsOff.has(button.dataset.head);
    button.setAttribute("aria-checked", String(on));
    button.children[1].textContent = on ? "encendida" : "apagada";
  }
}

let errand = 0; // la última cuenta pedida: las anteriores se abandonan

/** Debajo de cada interruptor, lo que se pierde aquí sin esa cabeza. Una cada vez, sin parar la página. */
function showDamageHere(explorer) {
  const mine = ++errand;
  const notes = [...byId("switches").children].map((button) => [button.dataset.head, button.children[2]]);
  notes.forEach(([, note]) => note.replaceChildren());
  if (explorer.veiled || !explorer.reading() || explorer.isFull()) return;
  const ids = explorer.ids.slice(0, explorer.place + 1);
  const before = explorer.divergence(explorer.belief(explorer.wholeTraces, {}));
  const next = () => {
    if (mine !== errand || !notes.length) return;
    const [head, note] = notes.shift();
    const logits = readWithout(explorer.probe, ids, [head]).at(-1);
    const more = explorer.divergence(softmax(logits)) - before;
    note.textContent = `${more < -0.005 ? "" : "+"}${spanish(more)} nats`;
    setTimeout(next);
  };
  setTimeout(next, 150);
}

/** Los logits del final de `ids` (o de todos los lugares) con unas cabezas apagadas. */
function readWithout(model, ids, off, everywhere = false) {
  model.headsOff = new Set(off);
  model.rewind();
  return ids.map((id, place) => {
    const trace = model.read(id);
    return everywhere || place === ids.length - 1 ? model.logits(trace.stream.at(-1)) : null;
  });
}

function headsSay(explorer) {
  const off = [...explorer.model.headsOff].sort();
  if (!off.length) return "Están todas encendidas.";
  const without = `Sin ${off.map((head) => `la del ${headName(head)}`).join(" ni ")}`;
  if (explorer.veiled) return `${without}. Responde a la pregunta y verás qué cambia.`;
  if (!explorer.reading() || explorer.isFull()) return `${without}. Aquí no hay verdad con que comparar.`;
  const [whole, cut] = [explorer.wholeTraces, explorer.traces].map((traces) => explorer.belief(traces, {}));
  const [old, now] = [whole, cut].map((belief) => explorer.favourite(belief));
  const [before, after] = [whole, cut].map((belief) => spanish(explorer.divergence(belief)));
  const nats = `${without}, la distancia a la verdad pasa aquí de ${before} a ${after} nats.`;
  const { distribution } = explorer.reading();
  if (old === now) return `${nats} La favorita sigue siendo «${spoken(now)}».`;
  const wrong = distribution.has(now) ? "" : ", que es imposible";
  return `${nats} La favorita era «${spoken(old)}» y ahora es «${spoken(now)}»${wrong}.`;
}

// ── Qué se rompe, por clases de palabras, en unos cuantos cuentos ────────────────────────────────────────

/** Números de [0, 1) que salen siempre iguales de una semilla: los cuentos son los mismos para todas. */
function seeded(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

/** Un cuento leído por la gramática: sus números y, de cada palabra, la clase y lo que cuesta. */
function examStory(explorer, random) {
  const words = explorer.grammar.sample(random);
  const readings = explorer.grammar.follow(words.slice(0, -1));
  return {
    ids: [END_OF_TEXT, ...words].map((word) => explorer.number.get(word)),
    labels: words.map((word, i) => readings[i].label(word)),
    nats: words.map((word, i) => -Math.log(readings[i].distribution.get(word))),
  };
}

/** Nats de más que la gramática, por clase, en un cuento y sin unas cabezas: {clase → nats}. */
function excess(explorer, { ids, labels, nats }, off) {
  const logits = readWithout(explorer.probe, ids.slice(0, -1), off, true);
  const found = new Map();
  labels.forEach((label, i) => {
    const loss = -Math.log(softmax(logits[i])[ids[i + 1]]);
    found.set(label, (found.get(label) ?? 0) + loss - nats[i]);
  });
  return found;
}

/** Mide, cuento a cuento y sin parar la página, el modelo entero y sin las cabezas apagadas. */
function measureDamage(explorer, done) {
  const off = [...explorer.model.headsOff];
  const random = seeded(EXAM_SEED);
  const sums = new Map(); // clase → [palabras, de más entero, de más sin ellas]
  const progress = byId("measuring");
  progress.hidden = false;
  progress.max = EXAM;
  const next = (read) => {
    progress.value = read;
    if (read === EXAM) {
      progress.hidden = true;
      return done(off, sums);
    }
    const story = examStory(explorer, random);
    const [whole, cut] = [excess(explorer, story, []), excess(explorer, story, off)];
    for (const label of story.labels) sums.set(label, sums.get(label) ?? [0, 0, 0]);
    for (const label of story.labels) sums.get(label)[0] += 1 / EXAM;
    for (const [label, nats] of whole) sums.get(label)[1] += nats / EXAM;
    for (const [label, nats] of cut) sums.get(label)[2] += nats / EXAM;
    return setTimeout(next, 0, read + 1);
  };
  setTimeout(next, 0, 0);
}

function showDamage(off, sums) {
  const rows = [...sums].map(([label, [count, whole, cut]]) => [
    label,
    ...[count, whole, cut, cut - whole].map((value) => spanish(value)),
  ]);
  rows.sort((a, b) => sums.get(b[0])[2] - sums.get(b[0])[1] - sums.get(a[0])[2] + sums.get(a[0])[1]);
  const without = off.sort().map(headName).join(" y ");
  const caption = `Nats de más por cuento, en ${EXAM} cuentos nuevos, sin ${without}`;
  const head = ["clase", "palabras", "entero", "sin ella", "lo que se rompe"];
  if (off.length > 1) head[3] = "sin ellas";
  const holder = el(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    table(caption, head, rows, { visible: true }),
  );
  byId("damage").replaceChildren(holder);
}
