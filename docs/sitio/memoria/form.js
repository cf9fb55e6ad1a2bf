"use strict";
// Del formulario a un plan, y de un plan a la dirección de la página, que dice lo mismo que la orden
// `python -m gpt_course.memory`: --batch 8 es batch=8, y --checkpointing, checkpointing.

const SIZES = ["vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"];
const SWITCHES = ["tie_weights", "qkv_bias", "dropout"]; // del modelo: con las cuentas, son lo que trae cada uno
const COUNTS = [...SIZES, "batch", "seq", "accumulation"];
const START = {
  ...MODELS.gpt2, batch: 1n, seq: MODELS.gpt2.context_length, dtype: "fp32", optimizer: "adamw",
  accumulation: 1n, checkpointing: false, explicit: false,
};
const form = document.getElementById("form");

/** El plan que pide el formulario, la memoria del equipo (o null) y una frase por cada campo que no sirve. */
function readForm() {
  const errors = {};
  const plan = { dtype: form.dtype.value, optimizer: form.optimizer.value };
  for (const name of [...SWITCHES, "checkpointing", "explicit"]) plan[name] = form[name].checked;
  for (const name of COUNTS) {
    const text = form[name].value.replace(/\s/g, ""); // también el espacio fino de los millares
    const limit = name === "n_layers" ? 10n ** 4n : 10n ** 8n;
    const whole = /^\d{1,9}$/.test(text) ? BigInt(text) : 0n;
    if (whole >= 1n && whole <= limit) plan[name] = whole;
    else errors[name] = `Escribe un entero de 1 a ${spanish(limit)}; llegó «${form[name].value}».`;
  }
  if (plan.emb_dim && plan.n_heads && plan.emb_dim % plan.n_heads) {
    errors.n_heads = `Se reparten la anchura por igual: elige un número que divida a ${spanish(plan.emb_dim)}.`;
  }
  if (plan.seq > plan.context_length) {
    errors.seq = `Caben ${spanish(plan.context_length)} como mucho: acorta la frase o sube el contexto.`;
  }
  const ram = form.ram.value.trim() ? parseSize(withUnit(form.ram.value)) : null;
  if (form.ram.value.trim() && ram === null) {
    errors.ram = "Escribe una cantidad con su unidad, como 8 GiB, 7,5 GiB o 16 GB, sin separador de millares; "
      + `llegó «${form.ram.value}».`;
  }
  return { plan, ram, errors };
}

/** Un número sin unidad son GiB. */
const withUnit = (text) => text.replace(/\s/g, "").replace(/\d$/, "$&GiB");

function writeForm(plan, ram) {
  for (const name of [...COUNTS, "dtype", "optimizer"]) form[name].value = plan[name];
  for (const name of [...SWITCHES, "checkpointing", "explicit"]) form[name].checked = plan[name];
  form.ram.value = ram;
  form.model.value = modelOf(plan);
}

/** El modelo publicado que tiene esas cuentas, o "". */
const modelOf = (plan) => Object.keys(MODELS).find((name) => differences(plan, MODELS[name]).length === 0) ?? "";
const differences = (plan, model) => [...SIZES, ...SWITCHES].filter((name) => plan[name] !== model[name]);

/** Cambia las cuentas del modelo; la frase sigue llenando el contexto si antes lo llenaba o ya no cabe. */
function takeModel(name) {
  const model = MODELS[name];
  const full = form.seq.value === form.context_length.value || Number(form.seq.value) > model.context_length;
  for (const size of SIZES) form[size].value = model[size];
  for (const name of SWITCHES) form[name].checked = model[name];
  if (full) form.seq.value = model.context_length;
}

/** Las opciones de la orden que dan ese plan: [nombre, valor], y "" en las que no llevan valor. */
function optionsOf(plan, ramText) {
  const name = modelOf(plan) || "gpt2";
  const changed = differences(plan, MODELS[name]);
  const options = [["model", name]];
  for (const key of changed.filter((key) => SIZES.includes(key))) options.push([flag(key), plan[key]]);
  for (const key of changed.filter((key) => key !== "dropout" && SWITCHES.includes(key))) {
    options.push([`${plan[key] ? "" : "no-"}${flag(key)}`, ""]);
  }
  if (changed.includes("dropout")) options.push(["drop-rate", plan.dropout ? "0.1" : "0"]);
  if (plan.seq !== plan.context_length) options.push(["seq", plan.seq]);
  for (const key of ["batch", "dtype", "optimizer", "accumulation"]) {
    if (plan[key] !== START[key]) options.push([key, plan[key]]);
  }
  if (plan.explicit) options.push(["attention", "explicit"]);
  if (plan.checkpointing) options.push(["checkpointing", ""]);
  if (ramText.trim()) options.push(["ram", withUnit(ramText)]);
  return options;
}

const flag = (name) => name.replaceAll("_", "-");

/** Escribe en el formulario lo que pide una dirección (lo que sigue a #, con él); devuelve las frases sobre lo que no se entiende. */
function takeAddress(text) {
  const complaints = [];
  const asked = new URLSearchParams(text.slice(1));
  const model = asked.get("model") ?? "gpt2";
  writeForm(START, text ? (asked.get("ram") ?? "") : "8 GiB");
  if (Object.hasOwn(MODELS, model)) takeModel(model);
  else complaints.push(`La dirección pide el modelo «${model}», que no está: empiezo con GPT-2 pequeño.`);
  if (asked.has("context-length") && !asked.has("seq")) form.seq.value = asked.get("context-length");
  for (const [key, value] of asked) {
    if (key === "model" || key === "ram") continue;
    if (!takeOption(key.replaceAll("-", "_"), value)) {
      complaints.push(`No entiendo «${value ? `${key}=${value}` : key}» en la dirección: lo dejo como estaba.`);
    }
  }
  form.model.value = modelOf(readForm().plan);
  return complaints;
}

/** Pone una opción en su campo; false si no existe o su valor no es de los suyos. Las cuentas se miran después. */
function takeOption(key, value) {
  const name = key.replace(/^no_/, "");
  if (COUNTS.includes(key)) form[key].value = value;
  else if (["tie_weights", "qkv_bias"].includes(name) && !value) form[name].checked = name === key;
  else if (key === "checkpointing" && !value) form.checkpointing.checked = true;
  else if (key === "drop_rate" && /^(0|0?[.,]\d+)$/.test(value)) form.dropout.checked = /[1-9]/.test(value);
  else if (key === "attention" && ["sdpa", "explicit"].includes(value)) form.explicit.checked = value === "explicit";
  else if (key === "dtype" && Object.hasOwn(DTYPES, value)) form.dtype.value = value;
  else if (key === "optimizer" && Object.hasOwn(MOMENTS, value)) form.optimizer.value = value;
  else return false;
  return true;
}
