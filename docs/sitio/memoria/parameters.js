"use strict";
// La cuenta de `gpt_course.memory`, con los mismos nombres y un archivo por cada uno de sus módulos. Todo son
// enteros sin límite (BigInt): cada partida es la misma que en Python, hasta el último byte.
// Un plan reúne la configuración y lo que se ejecuta: cuentas en BigInt, y true o false en los interruptores.

const RELEASED = { vocab_size: 50257n, context_length: 1024n, qkv_bias: true, tie_weights: true, dropout: true };
const MODELS = {
  gpt2: { ...RELEASED, emb_dim: 768n, n_heads: 12n, n_layers: 12n },
  "gpt2-medium": { ...RELEASED, emb_dim: 1024n, n_heads: 16n, n_layers: 24n },
  "gpt2-large": { ...RELEASED, emb_dim: 1280n, n_heads: 20n, n_layers: 36n },
  "gpt2-xl": { ...RELEASED, emb_dim: 1600n, n_heads: 25n, n_layers: 48n },
  cuentos: {
    vocab_size: 425n, context_length: 144n, emb_dim: 64n, n_heads: 4n, n_layers: 2n,
    qkv_bias: false, tie_weights: false, dropout: false,
  },
};
// Bytes por número de los pesos, los gradientes y las activaciones, y si hay además una copia en fp32.
const DTYPES = { fp32: [4n, false], bf16: [2n, false], mixed: [2n, true] };
const MOMENTS = { sgd: 0n, momentum: 1n, adamw: 2n }; // números que el optimizador guarda por parámetro
const FP32 = 4n;
const MASK_BLOCK = 4096n; // las máscaras de dropout se reservan de tantos bytes en tantos

const element = (plan) => DTYPES[plan.dtype][0];
const hasMaster = (plan) => DTYPES[plan.dtype][1];
const isExplicit = (plan) => plan.explicit || plan.dropout;
const sum = (sizes) => Object.values(sizes).reduce((total, size) => total + size, 0n);
const largest = (...sizes) => sizes.reduce((most, size) => (size > most ? size : most));
const count = (shape) => shape.reduce((product, side) => product * side, 1n);
const allOf = (sizes, times) => Object.fromEntries(Object.entries(sizes).map(([key, size]) => [key, times * size]));

/** Nombre, forma y veces de cada tensor, con un solo bloque. */
function distinct({ vocab_size: V, context_length: T, emb_dim: C, n_layers: L, qkv_bias, tie_weights }) {
  const linear = (name, rows, columns, bias) =>
    [[`${name}.weight`, [rows, columns]], ...(bias ? [[`${name}.bias`, [rows]]] : [])];
  const norm = (name) => [[`${name}.scale`, [C]], [`${name}.shift`, [C]]];
  const block = [
    ...["W_query", "W_key", "W_value"].flatMap((name) => linear(`att.${name}`, C, C, qkv_bias)),
    ...linear("att.out_proj", C, C, true),
    ...linear("ff.layers.0", 4n * C, C, true),
    ...linear("ff.layers.2", C, 4n * C, true),
    ...norm("norm1"),
    ...norm("norm2"),
  ];
  return [
    ["tok_emb.weight", [V, C], 1n],
    ["pos_emb.weight", [T, C], 1n],
    ...block.map(([name, shape]) => [`trf_blocks.0.${name}`, shape, L]),
    ...norm("final_norm").map((tensor) => [...tensor, 1n]),
    ...(tie_weights ? [] : [["out_head.weight", [V, C], 1n]]),
  ];
}

const PIECES = {
  tok_emb: "token_embedding", pos_emb: "position_embedding", att: "attention", ff: "feed_forward",
  norm1: "norms", norm2: "norms", final_norm: "norms", out_head: "output_head",
};

function parameters(plan) {
  const counts = Object.fromEntries(Object.values(PIECES).map((piece) => [piece, 0n]));
  for (const [name, shape, times] of distinct(plan)) {
    counts[PIECES[name.split(".")[name.startsWith("trf_blocks") ? 2 : 0]]] += times * count(shape);
  }
  return counts;
}

/** Lo que ocupa el modelo mientras se entrena, aparte de las activaciones. */
function state(plan) {
  const total = sum(parameters(plan));
  const tensors = distinct(plan).reduce((all, [, , times]) => all + times, 0n);
  const moment = hasMaster(plan) ? FP32 : element(plan);
  const counters = plan.optimizer === "adamw" ? FP32 * tensors : 0n; // AdamW cuenta los pasos de cada tensor
  return {
    weights: element(plan) * total,
    master_weights: hasMaster(plan) ? FP32 * total : 0n,
    buffers: 0n,
    gradients: element(plan) * total,
    optimizer: MOMENTS[plan.optimizer] * moment * total + counters,
  };
}

/** El archivo `safetensors`: 8 bytes, una cabecera JSON por orden alfabético y los números. */
function weightsFile(plan) {
  const dtype = element(plan) === FP32 ? "F32" : "BF16";
  const indices = [...Array(Number(plan.n_layers)).keys()];
  const named = distinct(plan).flatMap(([name, shape]) =>
    name.startsWith("trf_blocks")
      ? indices.map((index) => [name.replace(".0.", `.${index}.`), shape])
      : [[name, shape]]);
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  let start = 0n;
  const entries = named.map(([name, shape]) => {
    const end = start + element(plan) * count(shape);
    const entry = `"${name}":{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${start},${end}]}`;
    start = end;
    return entry;
  });
  const header = BigInt(`{${entries.join(",")}}`.length);
  return 8n + 8n * ((header + 7n) / 8n) + start;
}
