"use strict";
// Lo que PyTorch guarda en la pasada hacia delante para poder volver, byte a byte y pieza a pieza.

const width = (plan) => plan.batch * plan.seq * plan.emb_dim * element(plan);
const logits = (plan) => plan.batch * plan.seq * plan.vocab_size * element(plan);
const attentionMatrix = (plan) => plan.batch * plan.n_heads * plan.seq ** 2n * element(plan);
const kvCache = (plan) => 2n * plan.n_layers * width(plan);
const norm = (plan) => 4n * plan.batch * plan.seq * (3n * plan.emb_dim + 1n);
const mask = (plan, numbers) =>
  plan.dropout ? ((numbers + MASK_BLOCK - 1n) / MASK_BLOCK) * MASK_BLOCK : 0n;

function scores(plan) {
  const rows = plan.batch * plan.n_heads * plan.seq;
  if (!isExplicit(plan)) return 4n * rows;
  const saved = attentionMatrix(plan) + plan.seq ** 2n;
  return plan.dropout ? saved + attentionMatrix(plan) + mask(plan, rows * plan.seq) : saved;
}

function blockActivations(plan) {
  return {
    norms: 2n * norm(plan),
    attention: 5n * width(plan) + scores(plan),
    feed_forward: 21n * width(plan),
    dropout: 2n * mask(plan, plan.batch * plan.seq * plan.emb_dim),
    block_inputs: 0n, // su entrada es lo primero que guarda la primera normalización
  };
}

function activations(plan) {
  const tokens = plan.batch * plan.seq;
  let blocks = blockActivations(plan);
  if (plan.checkpointing) blocks = { ...allOf(blocks, 0n), block_inputs: width(plan) };
  const pieces = allOf(blocks, plan.n_layers);
  pieces.norms += norm(plan);
  pieces.dropout += mask(plan, tokens * plan.emb_dim);
  return {
    inputs: 16n * tokens + 8n * plan.seq, // x, y y las posiciones, enteros de 8 bytes
    ...pieces,
    output_head: width(plan),
    loss: logits(plan) + element(plan), // el logaritmo del softmax y entre cuánto se divide la media
  };
}
