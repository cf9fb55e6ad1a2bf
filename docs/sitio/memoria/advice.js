"use strict";
// ¿Cabe? Y si no, qué cambios harían que cupiera: las mismas frases que `gpt_course.memory.advice`.

/** Lo que conviene tener para un pico de `size` bytes: el propio proceso y el sistema también ocupan. */
const withMargin = (size) => 1.1 * Number(size) + Number(UNITS.GiB) / 2;

/** De entrenar o de generar: si cabe en `ram` bytes, la frase que lo dice y, sin margen, qué cambiar. */
function verdict(plan, ram, task) {
  const peak = task === "Entrenar" ? trainingPeak : inferencePeak;
  const need = peak(plan);
  const tight = withMargin(need) > ram;
  const fits = need > ram ? "no cabe" : tight ? "cabe muy justo" : "cabe";
  const text = `${task}: ${fits} en ${readable(ram)}; el pico es de ${readable(need)}, aparte del propio proceso.`;
  return { fits, text, advice: tight ? advice(plan, ram, peak) : "" };
}

/** Qué cambio basta por sí solo; si no, los menos que bastan juntos; si no, cuánto falta. */
function advice(plan, ram, peak) {
  const levers = leversOf(plan, peak === trainingPeak);
  const fits = (other) => withMargin(peak(other)) <= ram;
  let [lowest, best] = [peak(plan), []];
  for (let many = 1; many <= levers.length; many += 1) {
    const enough = [];
    for (const chosen of combinations(levers, many)) {
      const strongest = chosen.map((options) => options.at(-1));
      const reached = peak(apply(plan, strongest));
      if (withMargin(reached) <= ram) enough.push(product(chosen).find((mix) => fits(apply(plan, mix))));
      else if (reached < lowest) [lowest, best] = [reached, strongest];
    }
    if (enough.length && many === 1) return `Basta con uno de estos cambios: ${names(enough.flat())}.`;
    if (enough.length) {
      const changed = readable(peak(apply(plan, enough[0])));
      return `Con estos cambios a la vez, el pico baja a ${changed}: ${names(enough[0])}.`;
    }
  }
  if (!best.length) return "Ningún cambio de los que conocemos lo baja: hace falta un modelo menor.";
  const need = readable(withMargin(lowest));
  return `Ni con todo lo que ayuda (${names(best)}): harían falta ${need}, con su margen. Prueba un modelo menor.`;
}

/** Palancas que cambian el plan; cada una, sus opciones de más suave a más fuerte: [nombre, campos]. */
function leversOf(plan, training) {
  const batches = divisors(plan.batch).filter((size) => size !== plan.batch).reverse();
  const phrases = (size) => `lotes de ${size === 1n ? "1 frase" : `${spanish(size)} frases`}`;
  const how = training ? " acumulados" : "";
  const total = plan.accumulation * plan.batch;
  const smaller = (batch) => ({ batch, accumulation: training ? total / batch : plan.accumulation });
  const shorter = [plan.seq / 2n, plan.seq / 4n].filter((seq) => seq);
  const levers = [
    batches.map((size) => [phrases(size) + how, smaller(size)]),
    [["sin dropout, con SDPA", { dropout: false, explicit: false }]],
    training ? [["recomputación de los bloques", { checkpointing: true }]] : [],
    [["bf16 en todo", { dtype: "bf16" }]],
    shorter.map((seq) => [`frases de ${spanish(seq)} tokens`, { seq }]),
    training ? [["SGD como optimizador", { optimizer: "sgd" }]] : [],
  ];
  const changes = ([, fields]) => Object.entries(fields).some(([key, value]) => plan[key] !== value);
  return levers.filter((options) => options.length && changes(options.at(-1)));
}

function divisors(number) {
  const low = [];
  for (let n = 1n; n * n <= number; n += 1n) if (number % n === 0n) low.push(n);
  const high = low.map((n) => number / n).reverse();
  return [...low, ...high.filter((n) => n !== low.at(-1))];
}

const apply = (plan, changes) => Object.assign({}, plan, ...changes.map(([, fields]) => fields));
const names = (changes) => changes.map(([name]) => name).join("; ");

/** Cada manera de escoger `many` elementos, en su orden. */
function combinations(list, many) {
  if (many === 0) return [[]];
  return list.flatMap((first, index) =>
    combinations(list.slice(index + 1), many - 1).map((rest) => [first, ...rest]));
}

/** Una opción de cada lista; la última cambia antes. */
const product = (lists) =>
  lists.reduce((mixes, options) => mixes.flatMap((mix) => options.map((option) => [...mix, option])), [[]]);
