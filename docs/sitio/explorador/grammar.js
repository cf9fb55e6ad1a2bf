"use strict";
// La gramática de los cuentos: de las reglas escritas a un grafo de pasos. Lo mismo que
// gpt_course/stories/rules.py y steps.py; cómo se escriben las reglas lo explica cuentos.toml, en la misma
// carpeta, que llega ya leído. Con ella se lee en reading.js.

const END = 0; // el número del paso en que no queda nada que escribir
const END_OF_TEXT = "<|endoftext|>";
const PIECES = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+$|\s+(?!\S)|\s/gu;
const OPTION = /^(?:(\d+) \| )?(?:\[([\p{L}\p{N}_.]+)=([\p{L}\p{N}_]+)\] )?(.*)$/su;
const ITEM = /\{([^{}]+)\}|[^{}]+/gu;
const DRAW = /([\p{L}\p{N}_]+)=([\p{L}\p{N}_]+)(?: ([\p{L}\p{N}_]+)(!?=)([\p{L}\p{N}_.]+))?/u;

/** Corta un texto en trozos, como GPT-2: cada palabra, con el espacio que lleva delante. */
function splitText(text) {
  return text.match(PIECES) ?? [];
}

/** (filas, etiquetas de sus columnas) de una tabla escrita con columnas separadas por dos espacios o más. */
function readTable(text) {
  const [header, ...lines] = text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/ {2,}/));
  const names = header.map((name) => name.split(":")[0]);
  const rows = lines.map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i]])));
  return {
    rows: rows.map((row) => ({ ...row, peso: Number(row.peso ?? 1) })),
    labels: Object.fromEntries(header.map((name, i) => [names[i], name.split(":")[1]])),
  };
}

// ── De las reglas escritas a un grafo de pasos ───────────────────────────────────────────────────────────
// Un paso que escribe: {reads, form(sorteado) → texto, before, label, then}.
// Un paso que elige:   {reads, options: [{weight, then, row, needs}], variable}; `needs`, si la opción lo
// pide, es [variable, columna, valor, ¿igual?]: el rasgo que debe tener lo sorteado antes.

class Grammar {
  constructor(source) {
    this.source = source;
    const tables = Object.entries(source.tablas);
    this.tables = Object.fromEntries(tables.map(([name, text]) => [name, readTable(text)]));
    const draws = JSON.stringify(source.reglas).matchAll(new RegExp(DRAW, "gu"));
    this.tableOf = Object.fromEntries(Array.from(draws, ([, variable, table]) => [variable, table]));
    this.rules = {};
    for (const [name, options] of Object.entries(source.reglas)) {
      this.rules[name] = options.map((text) => this.option(text));
    }
    this.steps = [null];
    this.known = new Map(); // los pasos ya hechos, por lo que escriben
    this.columnsOf = new Map([[END, []]]);
    this.start = this.node("", [{ kind: "call", rule: source.inicio }]);
  }

  option(text) {
    const [, weight, feature, value, body] = OPTION.exec(text);
    const needs = feature ? [...feature.split("."), value, true] : null;
    const items = Array.from(body.matchAll(ITEM), (match) => this.item(match));
    return { weight: Number(weight ?? 1), needs, items };
  }

  item([whole, inside]) {
    if (inside === undefined) return { kind: "text", text: whole };
    const [code, label] = inside.split("|");
    if (inside in this.source.reglas) return { kind: "call", rule: inside };
    if (inside.startsWith('"')) return { kind: "text", text: code.replaceAll('"', ""), label };
    const drawing = DRAW.exec(inside);
    if (drawing && drawing[0] === inside) {
      const [, variable, table, column, sign, other] = drawing;
      return { kind: "draw", variable, table, column, sign, other: other?.split(".") };
    }
    return { kind: "form", parts: code.split(" "), label };
  }

  /** El número del paso que escribe `items`; `before` es el espacio que les toca delante. */
  node(before, items) {
    if (!items.length) return END;
    const key = JSON.stringify([before, items]);
    if (!this.known.has(key)) this.known.set(key, this[items[0].kind](before, items.slice(1), items[0]));
    return this.known.get(key);
  }

  add(step) {
    this.steps.push({ ...step, known: new Map() });
    return this.steps.length - 1;
  }

  text(before, rest, { text, label }) {
    const words = splitText(before + text);
    const after = words.at(-1) === " " ? words.pop() : ""; // ese espacio es de la palabra que venga
    const then = this.node(after, rest);
    return words.length ? this.add({ reads: [], form: () => words.join(""), before: "", label, then }) : then;
  }

  call(before, rest, { rule }) {
    const options = this.rules[rule].map(({ weight, needs, items }) => ({
      weight,
      needs,
      row: null,
      then: this.node(before, [...items, ...rest]),
    }));
    if (options.length === 1) return options[0].then;
    const reads = options.filter(({ needs }) => needs).map(({ needs }) => needs.slice(0, 2));
    return this.add({ reads, options });
  }

  draw(before, rest, { variable, table, column, sign, other }) {
    const then = this.node(before, rest);
    const options = this.tables[table].rows.map((row) => ({
      weight: row.peso,
      then,
      row,
      needs: column ? [...other, row[column], sign === "="] : null,
    }));
    return this.add({ reads: column ? [other] : [], options, variable });
  }

  form(before, rest, { parts, label }) {
    const [base, prefix = ""] = parts[0].split(".");
    const features = parts.slice(1).map((part) => part.split("."));
    const drawnHere = base in this.tableOf;
    const { rows, labels } = this.tables[this.tableOf[base]] ?? {
      rows: [this.source.palabras[base]],
      labels: {},
    };
    const columns = Object.keys(rows[0]).filter(
      (name) => name !== "peso" && (features.length ? name.startsWith(prefix) : name === prefix),
    );
    const own = drawnHere ? columns.map((column) => [base, column]) : [];
    const form = (drawn) => {
      const row = drawnHere ? drawn[base] : rows[0];
      const exact = prefix + features.map(([variable, column]) => drawn[variable][column]).join("");
      return row[exact] ?? row[`${prefix}*`];
    };
    label ??= labels[columns[0]] ?? (features.length ? this.source.acuerdo : undefined);
    return this.add({ reads: [...own, ...features], form, before, label, then: this.node("", rest) });
  }

  // ── Leer con la gramática ──────────────────────────────────────────────────────────────────────────────

  /** Las palabras que escribe un paso, según lo sorteado: {variable: fila}. */
  words(step, drawn) {
    return remember(step, drawn, () => splitText(step.before + step.form(drawn)));
  }

  /** Las opciones de un paso que elige, con su probabilidad p. */
  ways(step, drawn) {
    return remember(step, drawn, () => {
      const open = step.options.filter((option) => meets(option.needs, drawn));
      const total = open.reduce((sum, { weight }) => sum + weight, 0);
      return open.map((option) => ({ ...option, p: option.weight / total }));
    });
  }

  /** Qué importa desde un paso de lo sorteado antes: lista de [variable, columna]. */
  columns(number) {
    if (!this.columnsOf.has(number)) {
      const { options, variable, reads, then } = this.steps[number];
      const after = (options ?? [{ then }]).flatMap((option) => this.columns(option.then));
      const needed = [...after.filter(([name]) => name !== variable), ...reads];
      const unique = new Map(needed.map((pair) => [pair.join("."), pair]));
      this.columnsOf.set(
        number,
        [...unique.keys()].sort().map((key) => unique.get(key)),
      );
    }
    return this.columnsOf.get(number);
  }

  /** Lo que hay que saber para seguir desde un paso: dos estados iguales siguen igual. */
  state(number, read, drawn) {
    const features = this.columns(number).filter(([variable]) => variable in drawn);
    return JSON.stringify([number, read, ...features.map(([variable, column]) => drawn[variable][column])]);
  }

  /** La lectura de un texto vacío: lo que podía venir al principio. */
  begin() {
    return new Reading(this, [{ weight: 1, step: this.start, read: 0, drawn: {} }]);
  }

  /** Las lecturas de una lista de palabras: una antes de cada palabra y otra al final; null desde la primera
   * que no puede ir donde está. */
  follow(words) {
    const readings = [this.begin()];
    for (const word of words) readings.push(readings.at(-1)?.after(word) ?? null);
    return readings;
  }

  /** Un cuento sorteado con `random`, que da números de [0, 1): la lista de sus palabras, con el final. */
  sample(random) {
    const words = [];
    for (let reading = this.begin(); reading; reading = reading.after(words.at(-1))) {
      words.push(drawKey(reading.distribution, random()));
    }
    return words;
  }
}

/** ¿Tiene lo sorteado el rasgo que pide una opción? */
function meets(needs, drawn) {
  if (!needs) return true;
  const [variable, column, value, equal] = needs;
  return (drawn[variable][column] === value) === equal;
}

/** Lo sorteado, con la fila que se acaba de elegir (o tal cual, si se eligió una opción). */
function withRow(step, row, drawn) {
  return row ? { ...drawn, [step.variable]: row } : drawn;
}

/** Lo que da `compute`, que solo depende de lo que lee el paso: se calcula una vez. */
function remember(step, drawn, compute) {
  const key = step.reads.map(([variable, column]) => drawn[variable][column]).join("|");
  if (!step.known.has(key)) step.known.set(key, compute());
  return step.known.get(key);
}

/** Sortea, con un número u de [0, 1), una palabra de {palabra → probabilidad}. */
function drawKey(distribution, u) {
  const choices = [...distribution];
  return choices[
    draw(
      choices.map(([, p]) => p),
      u,
    )
  ][0];
}
