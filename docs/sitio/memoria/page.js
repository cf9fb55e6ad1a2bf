"use strict";
// Lo que se ve: las frases, las barras y, detrás de cada barra, su tabla. Cambia con el formulario.

const LABELS = {
  token_embedding: "incrustación de tokens",
  position_embedding: "incrustación de posiciones",
  attention: "atención",
  feed_forward: "red feed-forward",
  norms: "normalizaciones",
  output_head: "cabeza de salida",
  weights: "pesos",
  master_weights: "copia maestra de los pesos (fp32)",
  gradients: "gradientes",
  optimizer: "optimizador",
  activations: "activaciones guardadas",
  logits: "logits",
  inputs: "tokens y posiciones",
  dropout: "máscaras de dropout",
  block_inputs: "entradas de los bloques",
  loss: "logaritmo del softmax (pérdida)",
  kv_cache: "caché KV",
  weights_file: "archivo de pesos",
  block: "los intermedios de un bloque",
  create: "al crear el modelo",
  start: "al empezar un paso",
  forward: "al acabar la ida",
  loss_backward: "vuelta: en la pérdida",
  head_backward: "vuelta: en la cabeza",
  blocks_backward: "vuelta: al entrar en los bloques",
  last_block_backward: "vuelta: al salir de los bloques",
  end_backward: "al acabar la vuelta",
};
const COLORS = Object.fromEntries( // una partida, un color: el mismo en las dos barras
  ["weights", "gradients", "optimizer", "activations", "logits", "master_weights", "kv_cache", "block"]
    .map((key, place) => [key, `color${place}`]));
const $ = (id) => document.getElementById(id);
let shown = { plan: START, ram: parseSize("8GiB"), ramText: "8GiB" }; // lo último que se pudo calcular

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Las partidas que no son 0. */
const present = (sizes) => Object.entries(sizes).filter(([, size]) => size);

// --- Tablas ---

/** Una tabla: la primera celda de cada fila es su nombre, un texto o una lista de nodos. */
function makeTable(caption, heads, rows) {
  const name = (scope, cell) => make("th", { scope }, ...[cell].flat());
  const number = (text) => make("td", text.length > 18 ? { class: "long" } : {}, text);
  return make("table", {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map((head) => name("col", head)))),
    make("tbody", {}, ...rows.map(({ row: [first, ...rest], attributes }) =>
      make("tr", attributes, name("row", first), ...rest.map(number)))));
}

const sizeRow = (label, size, attributes = {}) =>
  ({ row: [label, inUnit(size, "MiB"), spanish(size)], attributes });
const swatch = (key) => make("span", { class: `swatch ${COLORS[key]}`, "aria-hidden": "true" });

function sizesTable(caption, sizes, peak) {
  const rows = present(sizes).map(([key, size]) =>
    sizeRow(peak ? [swatch(key), LABELS[key]] : LABELS[key], size));
  if (peak) rows.push(sizeRow(peak.label, peak.size, { class: "total" }));
  return makeTable(caption, ["Partida", "MiB", "bytes"], rows);
}

// --- Barras ---

const percent = (size, scale) => `${Math.min(100, (100 * Number(size)) / Number(scale))}%`;

function mark(kind, size, scale, text) {
  const side = Number(size) * 2 > Number(scale) ? "before" : "after"; // el rótulo, hacia dentro
  const place = { class: `mark ${kind} ${side}`, style: `left: ${percent(size, scale)}` };
  return make("div", place, make("span", {}, text));
}

/** Las partidas apiladas, el pico y, si se sabe, la memoria del equipo, en una misma escala. */
function bar(task, sizes, peak, ram) {
  const scale = largest(sum(sizes), peak, ram ?? 0n);
  const segments = present(sizes).map(([key, size]) =>
    make("div", { class: `segment ${COLORS[key]}`, style: `width: ${percent(size, scale)}` }));
  const said = present(sizes).map(([key, size]) => `${LABELS[key]}, ${readable(size)}`);
  said.push(`pico, ${readable(peak)}`);
  const marks = [mark("peak", peak, scale, `pico: ${readable(peak)}`)];
  if (ram) {
    marks.push(mark("ram", ram, scale, `tu equipo: ${readable(ram)}`));
    said.push(`tu equipo, ${readable(ram)}`);
  }
  const label = `${task}: ${said.join("; ")}. La tabla que sigue da los números exactos.`;
  const stack = make("div", { class: "stack" }, ...segments);
  return make("div", { class: "bar", role: "img", "aria-label": label }, stack, ...marks);
}

function timelineTable(moments, ram) {
  const peak = largest(...Object.values(moments));
  const scale = largest(peak, ram ?? 0n);
  const rows = Object.entries(moments).map(([key, size]) => {
    const kind = size === peak ? "line highest" : "line";
    const line = make("div", { class: kind, style: `width: ${percent(size, scale)}` });
    const limit = ram ? [make("div", { class: "limit", style: `left: ${percent(ram, scale)}` })] : [];
    const name = LABELS[key] + (size === peak ? " (el pico)" : "");
    return sizeRow([name, make("div", { class: "track", "aria-hidden": "true" }, line, ...limit)], size);
  });
  const caption = `Memoria viva en cada momento${ram ? "; la raya discontinua es tu equipo" : ""}`;
  return makeTable(caption, ["Momento", "MiB", "bytes"], rows);
}

// --- La página ---

function render({ plan, ram }) {
  const pieces = parameters(plan);
  const moments = trainingTimeline(plan);
  const highest = Object.keys(moments).reduce((a, b) => (moments[b] > moments[a] ? b : a));
  const generating = inferencePeak(plan);
  const model = form.querySelector(`option[value="${modelOf(plan)}"]`).text;
  const matrices = plan.tie_weights ? "una matriz compartida" : "dos matrices";
  $("title").textContent = `${model}: ${spanish(sum(pieces))} parámetros, ${matrices}`;
  $("verdict").replaceChildren(...(ram ? ["Entrenar", "Generar"].map((task) => card(plan, ram, task)) : [
    make("p", {}, "Escribe cuánta memoria tiene tu equipo y sabrás si cabe."),
  ]));
  $("training").replaceChildren(
    bar("Entrenar", trainingSizes(plan), moments[highest], ram),
    sizesTable("Al entrenar", trainingSizes(plan), { label: `pico, ${LABELS[highest]}`, size: moments[highest] }));
  $("timeline").replaceChildren(timelineTable(moments, ram));
  $("activations").replaceChildren(sizesTable("Activaciones guardadas", activations(plan)));
  $("inference").replaceChildren(
    bar("Generar", inferenceSizes(plan), generating, ram),
    sizesTable("Al generar", inferenceSizes(plan), { label: "pico", size: generating }));
  $("file").replaceChildren(sizesTable("En el disco", { weights_file: weightsFile(plan) }));
  $("parameters").replaceChildren(makeTable("Parámetros de cada pieza", ["Pieza", "cuántos"],
    present(pieces).map(([key, number]) => ({ row: [LABELS[key], spanish(number)], attributes: {} }))));
}

function card(plan, ram, task) {
  const { fits, text, advice } = verdict(plan, ram, task);
  const kind = { cabe: "yes", "cabe muy justo": "tight", "no cabe": "no" }[fits];
  const said = [make("strong", {}, text), advice].filter(Boolean).map((part) => make("p", {}, part));
  return make("div", { class: `card ${kind}` }, ...said);
}

/** Lee el formulario, cuenta lo que no sirve junto a su campo y, si todo sirve, cambia la cuenta y la dirección. */
function update(complaints = []) {
  const { plan, ram, errors } = readForm();
  const wrong = Object.keys(errors).length;
  form.querySelectorAll("input").forEach((input) => showError(input, errors[input.name]));
  form.model.value = modelOf(plan);
  if (!wrong) shown = { plan, ram, ramText: form.ram.value };
  const options = optionsOf(shown.plan, shown.ramText);
  const query = options.map(([key, value]) => (value === "" ? key : `${key}=${encodeURIComponent(value)}`)).join("&");
  if (!wrong) history.replaceState(null, "", `#${query}`);
  $("address").value = `${location.href.split("#")[0]}#${query}`;
  $("command").textContent =
    `python -m gpt_course.memory ${options.map(([key, value]) => `--${key} ${value}`.trim()).join(" ")}`;
  $("copied").textContent = "";
  render(shown);
  const stale = wrong ? ["Corrige lo marcado: hasta entonces, esta cuenta es la de los valores anteriores."] : [];
  $("notice").textContent = [...complaints, ...stale].join(" ");
  $("notice").hidden = !$("notice").textContent;
}

function showError(input, sentence) {
  const place = $(`error-${input.name}`);
  if (!place) return;
  place.textContent = sentence ?? "";
  place.hidden = !sentence;
  input.toggleAttribute("aria-invalid", Boolean(sentence));
}

form.querySelectorAll(".field input").forEach((input) => {
  input.after(make("p", { class: "error", id: `error-${input.name}`, hidden: "" }));
  input.setAttribute("aria-describedby", `error-${input.name}`);
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  if (event.target.name === "model" && event.target.value) takeModel(event.target.value);
  update();
});
$("reset").addEventListener("click", () => update(takeAddress("")));
$("copy").addEventListener("click", async () => {
  $("address").select();
  const copied = await navigator.clipboard?.writeText($("address").value).then(() => true, () => false);
  $("copied").textContent = copied ? "Copiada." : "Está seleccionada: cópiala con el teclado o con el menú.";
});
window.addEventListener("hashchange", () => {
  update(takeAddress(location.hash));
  $("title").focus();
});
update(takeAddress(location.hash));
