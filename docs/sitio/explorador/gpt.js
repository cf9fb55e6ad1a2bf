"use strict";
// El GPT del curso, entero, en JavaScript: lo mismo que gpt_course/model.py, block.py, attention.py,
// layers.py y cache.py, para leer de una sentada. Lee un token cada vez, con su caché KV.
//
// Letras: T tokens leídos, C anchura, H cabezas, D anchura de cada cabeza (C/H), V vocabulario, L bloques.
// El comentario del final de la línea dice cuántos números hay. Las cuentas se hacen con 64 bits y se
// guardan con 32, así que salen los logits de PyTorch con menos de una diezmilésima de diferencia.

// ── Los pesos ────────────────────────────────────────────────────────────────────────────────────────────

/** De números de 16 bits escritos en base64 a números de 32 bits: un signo, cinco bits de exponente y diez
 * de mantisa. Así ocupan la mitad. */
function unpackHalves(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => {
    const half = view.getUint16(2 * i, true);
    const sign = half >> 15 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = (half & 1023) / 1024;
    return exponent ? sign * (1 + fraction) * 2 ** (exponent - 15) : sign * fraction * 2 ** -14;
  });
}

/** Cada tensor con su nombre, el mismo que en PyTorch: {nombre: números seguidos, fila a fila}.
 * sizes: lista de [nombre, cuántos números], en el orden en que están guardados. */
function nameTensors(numbers, sizes) {
  let start = 0;
  return Object.fromEntries(sizes.map(([name, size]) => [name, numbers.subarray(start, (start += size))]));
}

// ── Las cuentas sueltas ──────────────────────────────────────────────────────────────────────────────────

/** La suma de dos vectores: en un GPT, la conexión residual. */
function add(a, b) {
  return a.map((value, i) => value + b[i]);
}

/** GELU en la forma con tanh que usa GPT-2. */
function gelu(x) {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

/** El producto escalar de `size` números de `a`, desde el lugar `i`, por los de `b`, desde `j`. De cuatro en
 * cuatro, porque el procesador sabe hacer cuatro sumas a la vez; `size` es múltiplo de 4. */
function dot(a, i, b, j, size) {
  let s0 = 0,
    s1 = 0,
    s2 = 0,
    s3 = 0;
  for (const end = i + size; i < end; i += 4, j += 4) {
    s0 += a[i] * b[j];
    s1 += a[i + 1] * b[j + 1];
    s2 += a[i + 2] * b[j + 2];
    s3 += a[i + 3] * b[j + 3];
  }
  return s0 + s1 + s2 + s3;
}

/** De puntuaciones a probabilidades: e elevado a cada una, entre la suma. Restar antes la mayor no cambia
 * nada y evita que desborde. */
function softmax(scores) {
  const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = new Float64Array(scores).map((score) => Math.exp(score - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

// ── El modelo ────────────────────────────────────────────────────────────────────────────────────────────

class GPT {
  /** config: la del curso (vocab_size, context_length, emb_dim…). tensors: los de nameTensors. */
  constructor(config, tensors) {
    this.config = config;
    this.tensors = tensors;
    this.headDim = config.emb_dim / config.n_heads; // D
    const room = config.context_length * config.emb_dim;
    this.cache = Array.from({ length: config.n_layers }, () => ({
      keys: new Float32Array(room), // una fila de C números por token leído
      values: new Float32Array(room),
    }));
    this.headsOff = new Set(); // las cabezas apagadas: "bloque.cabeza"
    this.length = 0; // tokens leídos
  }

  /** Lee un token, el que va detrás de los ya leídos, y cuenta lo que ha pasado por dentro:
   * weights[l][h], a quién mira (T números que suman 1) la cabeza h del bloque l;
   * stream[l], el camino residual a cada altura (C números): 0, lo que lee el primer bloque; l, lo que sale
   * del bloque l − 1. Los logits del token que sigue son logits(stream.at(-1)). */
  read(id) {
    if (this.length === this.config.context_length) {
      throw new RangeError(`Caben ${this.length} tokens: el modelo no tiene posiciones para más.`);
    }
    const place = this.length;
    let x = this.embed(id, place); // (C)
    const stream = [x];
    const weights = [];
    for (let layer = 0; layer < this.config.n_layers; layer++) {
      const block = this.block(layer, x, place);
      x = block.x;
      stream.push(x);
      weights.push(block.weights);
    }
    this.length = place + 1; // aquí y no antes: una lectura a medias no cuenta
    return { id, place, weights, stream };
  }

  /** Olvida los tokens desde el lugar `length`. La caché no se borra: lo que sobra se escribirá encima. */
  rewind(length = 0) {
    this.length = length;
  }

  /** La fila del token en su tabla, más la de su lugar en la suya: (C). */
  embed(id, place) {
    return add(this.row("tok_emb.weight", id), this.row("pos_emb.weight", place));
  }

  /** Las puntuaciones de los V tokens: lo que dice la cabeza de salida de un vector del camino, (C) → (V). */
  logits(x) {
    return this.linear("out_head", this.norm("final_norm", x));
  }

  /** Un bloque: cada subcapa lee el camino normalizado y le suma lo suyo, (C) → (C). */
  block(layer, x, place) {
    const name = `trf_blocks.${layer}`;
    const attended = this.attention(layer, this.norm(`${name}.norm1`, x), place);
    x = add(x, attended.out);
    x = add(x, this.feedForward(`${name}.ff`, this.norm(`${name}.norm2`, x)));
    return { x, weights: attended.weights };
  }

  /** Atención multicabeza: el token nuevo mira a los anteriores y a sí mismo, (C) → (C).
   * La máscara causal no aparece: los de después aún no están en la caché. */
  attention(layer, x, place) {
    const name = `trf_blocks.${layer}.att`;
    const C = x.length;
    const { keys, values } = this.cache[layer];
    keys.set(this.linear(`${name}.W_key`, x), place * C);
    values.set(this.linear(`${name}.W_value`, x), place * C);
    const query = this.linear(`${name}.W_query`, x); // (C): las H cabezas, una detrás de otra
    const context = new Float32Array(C); // lo que entregan, ya pegado
    const weights = [];
    for (let head = 0; head < this.config.n_heads; head++) {
      weights.push(this.lookBack(query, keys, head, place));
      if (!this.headsOff.has(`${layer}.${head}`)) {
        // apagada, entrega ceros
        this.mix(context, weights[head], values, head);
      }
    }
    return { out: this.linear(`${name}.out_proj`, context), weights };
  }

  /** Los pesos de atención de una cabeza: softmax de query · key / √D con cada token leído, (T). */
  lookBack(query, keys, head, place) {
    const D = this.headDim;
    const scores = new Float64Array(place + 1);
    for (let t = 0; t <= place; t++) {
      scores[t] = dot(query, head * D, keys, t * query.length + head * D, D) / Math.sqrt(D);
    }
    return softmax(scores);
  }

  /** La mezcla de los values con esos pesos, en los D números de la cabeza. */
  mix(context, weights, values, head) {
    const start = head * this.headDim;
    for (let t = 0; t < weights.length; t++) {
      const row = t * context.length;
      for (let i = start; i < start + this.headDim; i++) context[i] += weights[t] * values[row + i];
    }
  }

  /** Red feed-forward: ensancha a 4C, aplica GELU y vuelve a C. */
  feedForward(name, x) {
    return this.linear(`${name}.layers.2`, this.linear(`${name}.layers.0`, x).map(gelu));
  }

  /** Normalización de capa: media 0 y varianza 1 (la sesgada); después, una escala y un desplazamiento. */
  norm(name, x) {
    const scale = this.tensors[`${name}.scale`];
    const shift = this.tensors[`${name}.shift`];
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const deviation = Math.sqrt(variance + 1e-5);
    return x.map((value, i) => (scale[i] * (value - mean)) / deviation + shift[i]);
  }

  /** Una capa lineal, Wx + b (o sin b): cada número que sale es una fila de W por el vector que entra. */
  linear(name, x) {
    const weight = this.tensors[`${name}.weight`];
    const bias = this.tensors[`${name}.bias`];
    const out = new Float32Array(weight.length / x.length);
    for (let row = 0; row < out.length; row++) {
      out[row] = dot(weight, row * x.length, x, 0, x.length) + (bias ? bias[row] : 0);
    }
    return out;
  }

  /** Una fila de una tabla: C números. */
  row(name, index) {
    const C = this.config.emb_dim;
    return this.tensors[name].subarray(index * C, (index + 1) * C);
  }
}

// ── Elegir el token que sigue ────────────────────────────────────────────────────────────────────────────

/** Las probabilidades con los mandos puestos, en este orden: temperatura, top-k y top-p, (V) → (V).
 * Con temperatura 0, todo para el mayor. topK: los k mayores y los que empaten con el último. topP: el menor
 * grupo de los más probables que suma al menos p. Sin ellos (Infinity y 1) no se quita nada. */
function nextProbabilities(logits, { temperature = 1, topK = Infinity, topP = 1 } = {}) {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  if (temperature === 0) return Float64Array.from(logits, (_, id) => (id === order[0] ? 1 : 0));
  const scaled = Float64Array.from(logits, (logit) => logit / temperature);
  const smallestKept = scaled[order[Math.min(topK, order.length) - 1]];
  let probabilities = softmax(scaled.map((score) => (score < smallestKept ? -Infinity : score)));
  if (topP < 1) {
    let tail = 0; // lo que suman él y los menores
    for (const id of order.slice(1).reverse()) {
      tail += probabilities[id];
      if (tail > 1 - topP) break;
      scaled[id] = -Infinity;
    }
    probabilities = softmax(scaled.map((score) => (score < smallestKept ? -Infinity : score)));
  }
  return probabilities;
}

/** Sortea con un número u de [0, 1): el primer token cuya probabilidad acumulada pasa de u. */
function draw(probabilities, u) {
  const total = probabilities.reduce((a, b) => a + b, 0);
  let edge = 0;
  return probabilities.findIndex((p) => (edge += p) > u * total);
}
