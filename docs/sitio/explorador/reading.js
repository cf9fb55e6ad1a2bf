"use strict";
// Leer un cuento con la gramática: qué palabra podía venir en cada lugar, con su probabilidad exacta, y por
// qué otra no. Lo mismo que gpt_course/stories/following.py, que sigue a la vez todas las maneras de haber
// escrito lo leído.

/** Lo leído hasta un lugar: todas las maneras vivas de haberlo escrito, cada una con su peso. */
class Reading {
  constructor(grammar, live) {
    this.grammar = grammar;
    this.live = live;
    this.heads = this.findHeads();
    const total = this.heads.reduce((sum, { weight }) => sum + weight, 0);
    this.distribution = new Map(); // palabra → probabilidad exacta de que sea la que sigue
    this.labels = new Map(); // palabra → su clase
    for (const head of this.heads) {
      head.weight /= total;
      this.distribution.set(head.word, (this.distribution.get(head.word) ?? 0) + head.weight);
      if (!this.labels.has(head.word)) this.labels.set(head.word, grammar.steps[head.step]?.label);
    }
  }

  /** De cada manera viva, la palabra que toca: {word, weight, step, read, drawn}. */
  findHeads() {
    const { steps } = this.grammar;
    const waiting = [...this.live];
    const heads = [];
    while (waiting.length) {
      const way = waiting.pop();
      const step = steps[way.step];
      if (!step?.options) {
        heads.push({ ...way, word: step ? this.grammar.words(step, way.drawn)[way.read] : END_OF_TEXT });
        continue;
      }
      for (const { p, then, row } of this.grammar.ways(step, way.drawn)) {
        waiting.push({ weight: way.weight * p, step: then, read: 0, drawn: withRow(step, row, way.drawn) });
      }
    }
    return heads;
  }

  /** La lectura que sigue a `word`, o null si ahí no puede ir. Las maneras que ya no se distinguirán en nada
   * se suman. */
  after(word) {
    if (!this.distribution.has(word) || word === END_OF_TEXT) return null;
    const live = new Map();
    for (const head of this.heads.filter((each) => each.word === word)) {
      let { step, read, drawn, weight } = head;
      read += 1;
      if (read === this.grammar.words(this.grammar.steps[step], drawn).length) {
        step = this.grammar.steps[step].then;
        read = 0;
      }
      const key = this.grammar.state(step, read, drawn);
      live.set(key, { step, read, drawn, weight: weight + (live.get(key)?.weight ?? 0) });
    }
    return new Reading(this.grammar, [...live.values()]);
  }

  /** La clase de una palabra posible: su etiqueta o, si no lleva, fija si no hay otra y, si no, libre. */
  label(word) {
    const { fija, libre } = this.grammar.source;
    return this.labels.get(word) ?? (this.distribution.get(word) >= 1 - 1e-9 ? fija : libre);
  }

  /** Qué le falta a `word` para poder venir: {variable, column, value, actual}, un rasgo de lo sorteado que
   * debería valer `value`, y la fila que salió, si ya se sabe cuál; null si no vendría ni cambiando un rasgo.
   * Recorre otra vez las maneras vivas, pero ahora deja incumplir una condición, y una sola. */
  missing(word) {
    const waiting = this.live.map((way) => ({ ...way, known: way.drawn, lacks: null }));
    while (waiting.length) {
      const way = waiting.pop();
      const step = this.grammar.steps[way.step];
      const found = step?.options ? null : this.settle(this.lack(step, way, word));
      if (found) return found;
      for (const { needs, then, row } of step?.options ?? []) {
        const fails = !meets(needs, way.drawn);
        if (fails && (way.lacks || !needs[3])) continue; // dos condiciones, o una que pide ser distinto
        const lacks = fails
          ? { variable: needs[0], row: { [needs[1]]: needs[2] }, columns: [needs[1]] }
          : way.lacks;
        waiting.push({ ...way, step: then, read: 0, drawn: withRow(step, row, way.drawn), lacks });
      }
    }
    return null;
  }

  /** Lo que le falta a una manera para que su paso escriba `word`: lo que ya le faltaba, u otra fila en lo
   * que estaba sorteado. {variable, row, columns}: las columnas, por orden de preferencia. */
  lack(step, { drawn, known, read, lacks }, word) {
    if (!step) return word === END_OF_TEXT ? lacks : null;
    const written = this.grammar.words(step, drawn);
    if (lacks) return written[read] === word ? lacks : null;
    for (const variable of new Set(step.reads.map(([name]) => name).filter((name) => name in known))) {
      const columns = step.reads.filter(([name]) => name === variable).map(([, column]) => column);
      for (const row of this.grammar.tables[this.grammar.tableOf[variable]].rows) {
        const other = this.grammar.words(step, { ...drawn, [variable]: row });
        const alike = written.slice(0, read).every((piece, i) => piece === other[i]);
        if (!alike || other[read] !== word) continue;
        const [exact, rest] = [true, false].map((is) =>
          columns.filter((name) => (row[name] === word.trim()) === is),
        );
        return { variable, row, columns: [...exact, ...rest, ...Object.keys(row)] };
      }
    }
    return null;
  }

  /** De las columnas de lo que falta, la primera en que todas las maneras vivas coinciden, en otra cosa. */
  settle(lack) {
    for (const column of lack?.columns ?? []) {
      const rows = new Set(this.live.map(({ drawn }) => drawn[lack.variable]));
      const values = new Set(Array.from(rows, (row) => row?.[column]));
      if (column !== "peso" && values.size === 1 && !values.has(lack.row[column])) {
        const actual = rows.size === 1 ? [...rows][0] : null;
        return { variable: lack.variable, column, value: lack.row[column], actual };
      }
    }
    return null;
  }
}
