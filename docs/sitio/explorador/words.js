"use strict";
// Lo que la página dice con palabras: números a la española, tokens que se ven y por qué uno no puede ir.

/** Número a la española: coma decimal y el signo menos de verdad. */
function spanish(value, decimals = 2) {
  if (value === Infinity) return "∞";
  return value
    .toFixed(decimals)
    .replace(".", ",")
    .replace("-", "−")
    .replace(/^−(0,0*)$/u, "$1");
}

/** Un entero, con un espacio fino cada tres cifras desde 10 000, como en el curso. */
function thousands(value) {
  const text = String(value);
  return value < 10000 ? text : text.replace(/\B(?=(\d{3})+$)/gu, "\u202f");
}

/** Un token, sin el espacio de delante y con nombre si no se ve. */
function spoken(word) {
  return { "\n": "salto de línea", [END_OF_TEXT]: "fin" }[word] ?? word.trim();
}

/** El token del vocabulario que se quiso escribir: con espacio o sin él, mejor el que aquí puede ir. */
function findWord(typed, vocabulary, distribution) {
  const text = typed.trim();
  const forms = text === "fin" ? [END_OF_TEXT] : [` ${text}`, text];
  const known = forms.filter((form) => vocabulary.has(form));
  return known.find((form) => distribution?.has(form)) ?? known[0];
}

/** Las tres palabras de la lengua más parecidas a una que no existe. */
function similar(typed, vocabulary) {
  const text = typed.trim().toLowerCase();
  const near = [...new Set(Array.from(vocabulary, spoken))].map((word) => [
    distance(text, word.toLowerCase()),
    word,
  ]);
  return near
    .sort((a, b) => a[0] - b[0])
    .slice(0, 3)
    .filter(([far]) => far <= text.length / 2)
    .map(([, word]) => word);
}

/** Cuántas letras hay que cambiar, quitar o poner para ir de una palabra a otra (Levenshtein, 1966). */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

// Cómo se nombra lo que sortea cada tabla de la gramática y lo que significa cada suceso.
const ABOUT = {
  persona: "quien protagoniza el cuento",
  compa: "quien lo acompaña",
  oficio: "lo que es",
  caracter: "su carácter",
  tiempo: "el tiempo que hace",
  lugar: "el lugar",
  trato: "lo que son entre sí",
  objeto: "lo que llevaba",
  cualidad: "cómo era lo que llevaba",
  fruta: "lo que reparten",
  cuenta: "la cuenta",
  suceso: "lo que pasó",
  animal: "el animal",
  pena: "lo que sintió",
  animo: "cómo volvieron",
};
const EVENTS = {
  perdida: "algo se pierde",
  rota: "algo se rompe",
  robo: "un animal se lleva algo",
  olvido: "algo se queda olvidado",
};
const GENDERS = { f: "femenino", m: "masculino" };

/** Por qué no puede seguir `word` a lo leído: una frase o dos. */
function whyImpossible(reading, word) {
  const said = `«${spoken(word)}» es imposible aquí.`;
  const lack = reading.missing(word);
  if (!lack) return `${said} Ningún cuento que empiece así sigue con esa palabra. ${expected(reading)}`;
  const { column, value, actual } = lack;
  const table = reading.grammar.tableOf[lack.variable];
  if (table === "cuenta") return `${said} La cuenta no sale. ${expected(reading)}`;
  const about = ABOUT[table] ?? table;
  if (column === "g") {
    const other = GENDERS[value === "f" ? "m" : "f"];
    const why = actual ? `${about} es «${Object.values(actual)[0]}», ${other}` : `aquí toca ${other}`;
    return `${said} Es de género ${GENDERS[value]}, y ${why}. ${expected(reading)}`;
  }
  if (table === "suceso") {
    const here = actual ? `; en este, ${EVENTS[actual[column]] ?? actual[column]}` : "";
    return `${said} Va en los cuentos en que ${EVENTS[value] ?? value}${here}. ${expected(reading)}`;
  }
  return `${said} Iría si ${about} fuera «${spoken(word)}». ${expected(reading)}`;
}

/** Lo que sí puede venir. */
function expected({ distribution }) {
  const words = [...distribution].sort((a, b) => b[1] - a[1]).map(([word]) => `«${spoken(word)}»`);
  if (words.length === 1) return `Solo puede venir ${words[0]}.`;
  if (words.length > 6) return `Pueden venir ${words.length} palabras, como ${words.slice(0, 5).join(", ")}…`;
  return `Pueden venir ${words.slice(0, -1).join(", ")} y ${words.at(-1)}.`;
}
