"use strict";
// La cuenta completa de un paso y su punto más alto: qué está vivo en cada momento.

function trainingSizes(plan) {
  return { ...state(plan), activations: sum(activations(plan)), logits: logits(plan) };
}

/** Bytes vivos en cada momento: al crear el modelo y en un paso que ya tiene el optimizador. */
function trainingTimeline(plan) {
  const sizes = state(plan);
  const saved = activations(plan);
  const scored = logits(plan);
  const fixed = sizes.weights + sizes.master_weights + sizes.optimizer;
  const kept = plan.accumulation > 1n ? sizes.gradients : 0n; // los del lote anterior
  const blocks = sum(saved) - saved.loss;
  const block = sum(blockActivations(plan));
  const again = plan.checkpointing ? block : 0n;
  const entrance = element(plan) * plan.context_length * plan.emb_dim + (plan.tie_weights ? 0n : table(plan));
  const keptOrBlocks = largest(kept, sizes.gradients - entrance); // aún faltan los de las incrustaciones
  // Con una sola matriz, el gradiente de la cabeza espera al de la entrada, y su suma es un tensor más.
  const waiting = (plan.tie_weights ? 2n * table(plan) : 0n) + (kept ? table(plan) : 0n);
  return {
    create: creation(plan),
    start: fixed + kept,
    forward: fixed + kept + blocks + saved.loss + scored,
    loss_backward: fixed + kept + blocks + saved.loss + 2n * scored,
    head_backward: fixed + kept + blocks + scored + table(plan),
    blocks_backward: fixed + kept + blocks + table(plan) + again + blockScratch(plan),
    last_block_backward: fixed + keptOrBlocks + block + blockScratch(plan),
    end_backward: fixed + sizes.gradients + waiting,
    optimizer: fixed + sizes.gradients + optimizerScratch(plan),
  };
}

const trainingPeak = (plan) => largest(...Object.values(trainingTimeline(plan)));

/** Al generar con caché: solo el último lugar pasa por la cabeza, y los logits son (B, 1, V). */
function inferenceSizes(plan) {
  return {
    weights: state(plan).weights,
    kv_cache: kvCache(plan),
    logits: logits(plan) / plan.seq,
    block: blockForward(plan),
  };
}

function inferenceTimeline(plan) {
  const sizes = inferenceSizes(plan);
  const fixed = sizes.weights + sizes.kv_cache;
  return { create: creation(plan), blocks: fixed + sizes.block, head: fixed + width(plan) + sizes.logits };
}

const inferencePeak = (plan) => largest(...Object.values(inferenceTimeline(plan)));

const table = (plan) => element(plan) * plan.vocab_size * plan.emb_dim;

/** El modelo vinculado sortea también la cabeza y después la suelta. */
function creation(plan) {
  const sizes = state(plan);
  return sizes.weights + sizes.master_weights + (plan.tie_weights ? table(plan) : 0n);
}

function blockForward(plan) {
  return largest(22n * width(plan), 6n * width(plan) + (plan.explicit ? 3n * attentionMatrix(plan) : 0n));
}

function blockScratch(plan) {
  const attention = isExplicit(plan) ? 2n * attentionMatrix(plan) - 24n * width(plan) : 0n;
  return largest(12n * width(plan), attention);
}

function optimizerScratch(plan) {
  const bytes = hasMaster(plan) ? FP32 : element(plan);
  const shapes = distinct({ ...plan, n_layers: 1n });
  const [entrance, block, exit] = [0, 1, 2].map((place) => // con dos bloques ya están todas las vecinas
    shapes.filter(([name]) => (name.startsWith("trf_blocks") ? 1 : /_emb/.test(name) ? 0 : 2) === place));
  const order = [...entrance, ...block, ...(plan.n_layers > 1n ? block : []), ...exit];
  const sizes = order.filter(([, shape]) => shape.length === 2).map(([, shape]) => bytes * count(shape));
  const adamw = largest(...sizes.map((size, place) => 2n * size + (place ? sizes[place - 1] : 0n)));
  return (plan.optimizer === "adamw" ? adamw : 0n) + (hasMaster(plan) ? largest(...sizes) : 0n);
}
