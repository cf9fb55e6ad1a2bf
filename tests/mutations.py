"""¿Sirven de algo las pruebas? Planta fallos en el paquete, de uno en uno, y mira si alguna los ve.

Son los que cometería una persona y no sabe hacer un generador: lo cambiado de sitio, lo olvidado, lo tomado
por otra cosa. De los demás (una constante, un signo, una condición, una línea) se ocupa tests/mutants.py.

Se ejecuta a mano, en Linux o macOS: `python tests/mutations.py [palabra…]` (con palabras, solo los fallos
que las contienen). Cada uno cambia un texto que debe aparecer exactamente una vez en una copia del paquete.
Primero se pasan las pruebas de su módulo y, si no lo notan, las de los demás.
Sale con un código distinto de 0 si algún fallo escapa o si su texto ya no se encuentra.
"""

import sys
import time

from forks import run_clean, run_tests, tests_of, warm_copy

FAULTS = [  # módulo, fallo, texto, texto con el fallo
    ("layers", "eps de 1e-6", "emb_dim, eps=1e-5", "emb_dim, eps=1e-6"),
    ("layers", "eps fuera de la raíz", "torch.sqrt(var + self.eps)", "(torch.sqrt(var) + self.eps)"),
    ("layers", "norma sin desplazamiento", " + self.shift", ""),
    ("layers", "norma sin restar la media", "self.scale * (x - mean)", "self.scale * x"),
    ("layers", "constante de GELU", "0.044715", "0.044751"),
    ("layers", "GELU: √(2/π) mal escrita", "math.sqrt(2 / math.pi)", "math.sqrt(2) / math.pi"),
    (
        "layers",
        "red feed-forward de 2C",
        "hidden_dim = 4 * emb_dim",
        "hidden_dim = 2 * emb_dim",
    ),
    ("dropout", "umbral incluido", "torch.lt(", "torch.le("),
    ("dropout", "umbral redondeado hacia abajo", "math.ceil((1 - p)", "int((1 - p)"),
    ("attention", "falta √D", " / math.sqrt(query.shape[-1])", ""),
    ("attention", "máscara que tapa al propio token", ".triu(1 + n_all", ".triu(n_all"),
    ("attention", "máscara al revés", ".triu(1 + n_all", ".tril(n_all - 1"),
    ("attention", "SDPA sin máscara", "is_causal=causal", "is_causal=False"),
    (
        "attention",
        "key y query cambiadas",
        "causal_weights(query, key, visible)) @",
        "causal_weights(key, query, visible)) @",
    ),
    (
        "attention",
        "pesos que se miran con key y query cambiadas",
        "causal_weights(self._split_heads(self.W_query(x)), self._split_heads(self.W_key(x)))",
        "causal_weights(self._split_heads(self.W_key(x)), self._split_heads(self.W_query(x)))",
    ),
    (
        "attention",
        "cabezas cortadas por el otro lado",
        "x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)",
        "x.unflatten(-1, (-1, self.n_heads)).permute(0, 3, 1, 2)",
    ),
    (
        "attention",
        "cabezas unidas sin trasponer",
        "context.transpose(1, 2).flatten(2)",
        "context.reshape(x.shape)",
    ),
    (
        "attention",
        "key se crea antes que query",
        "self.W_query = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)\n"
        "        self.W_key = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)",
        "self.W_key = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)\n"
        "        self.W_query = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)",
    ),
    (
        "attention",
        "qkv_bias no llega a value",
        "self.W_value = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)",
        "self.W_value = nn.Linear(emb_dim, emb_dim, bias=False)",
    ),
    ("attention", "sin proyección de salida", "return self.out_proj(context", "return (context"),
    (
        "attention",
        "sin dropout en los pesos",
        "self.dropout(causal_weights(query, key, visible))",
        "causal_weights(query, key, visible)",
    ),
    (
        "attention",
        "con caché, SDPA tapa lo anterior",
        "visible is None and (cache is None or cache.is_empty)",
        "visible is None",
    ),
    ("attention", "la cuenta explícita lee el relleno", "hidden = ~visible", "hidden = visible & False"),
    (
        "block",
        "sin conexión residual en la atención",
        "x = x + self.drop_shortcut(self.att",
        "x = self.drop_shortcut(self.att",
    ),
    (
        "block",
        "sin conexión residual en feed-forward",
        "x = x + self.drop_shortcut(self.ff",
        "x = self.drop_shortcut(self.ff",
    ),
    (
        "block",
        "norma después y no antes",
        "self.drop_shortcut(self.att(self.norm1(x), **reading))",
        "self.norm1(self.drop_shortcut(self.att(x, **reading)))",
    ),
    ("block", "la misma norma dos veces", "self.norm2(x)", "self.norm1(x)"),
    (
        "block",
        "sin dropout tras la atención",
        "self.drop_shortcut(self.att(self.norm1(x), **reading))",
        "self.att(self.norm1(x), **reading)",
    ),
    (
        "block",
        "sin dropout tras feed-forward",
        "self.drop_shortcut(self.ff(self.norm2(x)))",
        "self.ff(self.norm2(x))",
    ),
    ("pieces", "qkv_bias ignorado", '("drop_rate", "qkv_bias")', '("drop_rate",)'),
    (
        "block",
        "feed-forward se crea antes que la atención",
        "        self.att = make_attention(cfg)\n        self.ff = make_feed_forward(cfg)",
        "        self.ff = make_feed_forward(cfg)\n        self.att = make_attention(cfg)",
    ),
    (
        "padding",
        "posiciones desde 1",
        "torch.arange(start, end, device=device)",
        "torch.arange(start + 1, end + 1, device=device)",
    ),
    ("model", "posiciones al revés", "self.pos_emb(places)", "self.pos_emb(places.flip(-1))"),
    ("model", "sin posiciones", " + self.pos_emb(places)", ""),
    (
        "model",
        "falta la norma final",
        "return self.final_norm(self.trf_blocks(x, **reading))",
        "return self.trf_blocks(x, **reading)",
    ),
    ("model", "sin dropout en las incrustaciones", "self.drop_emb(x if", "(x if"),
    ("model", "last_only da todos los lugares", "x[:, -1:] if last_only else x", "x"),
    ("model", "last_only da el primero", "x[:, -1:] if last_only", "x[:, :1] if last_only"),
    (
        "tying",
        "la cabeza se copia en vez de compartirse",
        "self.out_head.weight = self.tok_emb.weight",
        "self.out_head.weight = nn.Parameter(self.tok_emb.weight.detach().clone())",
    ),
    (
        "tying",
        "la cabeza sola no llena las dos",
        "(token in state_dict or head in state_dict)",
        "token in state_dict",
    ),
    ("attention", "entrada de cualquier rango", "x.dim() != 3 or ", ""),
    ("attention", "entrada de cualquier anchura", " or x.shape[-1] != self.emb_dim", ""),
    (
        "dropout",
        "la maqueta no gasta su palabra",
        "            _next_word()\n            keep",
        "            keep",
    ),
    ("checks", "se aceptan tokens negativos", "low < 0 or high", "high"),
    ("model", "un bloque de menos", 'range(cfg["n_layers"])', 'range(1, cfg["n_layers"])'),
    ("dropout", "sin dividir entre 1 − p", "x * keep / (1 - self.p)", "x * keep"),
    ("dropout", "dividir entre p", "/ (1 - self.p)", "/ self.p"),
    ("dropout", "máscara invertida", "torch.lt(", "torch.ge("),
    ("dropout", "otro módulo", "MODULUS = 2**31 - 1", "MODULUS = 2**31"),
    ("dropout", "umbral con p", "math.ceil((1 - p) * MODULUS)", "math.ceil(p * MODULUS)"),
    ("dropout", "la semilla 0 no se corrige", "_next_word() % MODULUS or 1", "_next_word() % MODULUS"),
    ("dropout", "palabra con la mitad baja", "(draw >> 32) & 0xFFFFFFFF", "draw & 0xFFFFFFFF"),
    ("dropout", "una sola vuelta del módulo", "for _ in range(2):", "for _ in range(1):"),
    (
        "dropout",
        "bloques mal encadenados",
        "pow(MULTIPLIER, _BLOCK, MODULUS)",
        "pow(MULTIPLIER, _BLOCK - 1, MODULUS)",
    ),
    ("dropout", "también en evaluación", "not self.training or self.p == 0", "self.p == 0"),
    ("sampling", "el menor y no el mayor", "logits.max(dim=-1)", "logits.min(dim=-1)"),
    (
        "generation/loop",
        "contexto recortado por el otro lado",
        "ids[:, -self.context_length :]",
        "ids[:, : self.context_length]",
    ),
    (
        "generation/loop",
        "contexto de un token menos",
        "ids[:, -self.context_length :]",
        "ids[:, 1 - self.context_length :]",
    ),
    ("generation/loop", "cambia el tipo", ".to(ids)  # (B,)", "  # (B,)"),
    ("generation/loop", "una fila acabada sigue", "token.masked_fill(finished, eos_id)", "token"),
    ("generation/loop", "para con la primera que acaba", "if finished.all():", "if finished.any():"),
    ("generation/loop", "el flujo comprueba tarde", "return _steps(model", "yield from _steps(model"),
    (
        "padding",
        "relleno a la derecha",
        "columns >= (lengths.max() - lengths)[:, None]",
        "columns < lengths[:, None]",
    ),
    (
        "generation/loop",
        "la caché se sigue usando al correrse la ventana",
        "self.cache is not None and ids.shape[1] <= self.room",
        "self.cache is not None",
    ),
    ("generation/loop", "caché más larga de lo que hace falta", "+ max_new_tokens - 1,", "+ max_new_tokens,"),
    ("sampling", "top-k de uno menos", "min(top_k, logits", "min(max(1, top_k - 1), logits"),
    ("sampling", "top-p sin el que cruza la raya", "tail <= 1 - top_p", "tail < 1 - top_p + 0.1"),
    ("sampling", "top-p antes de ordenar", "scatter(-1, order, outside)", "copy_(outside)"),
    (
        "sampling",
        "un solo número para todas las frases",
        "torch.rand(len(cumulative), 1,",
        "torch.rand(1, 1,",
    ),
    ("cache", "bytes de la mitad", "self.keys.nbytes + self.values.nbytes", "self.keys.nbytes"),
    (
        "cache",
        "siempre en float32",
        "torch.empty(shape, dtype=dtype",
        "torch.empty(shape, dtype=torch.float32",
    ),
    (
        "padding",
        "se lee el token siguiente",
        "visible = (places <= columns)",
        "visible = (places <= columns + 1)",
    ),
    ("padding", "un trozo lee todo lo suyo", "(start == 0 or end - start == 1)", "True"),
    ("padding", "un relleno no lee nada", "(visible & real) | (places == columns)", "visible & real"),
    (
        "padding",
        "el relleno se lee",
        "places >= padding[:, None, None]",
        "places >= 0 * padding[:, None, None]",
    ),
    (
        "padding",
        "posiciones que cuentan el relleno",
        "(columns - padding[:, None]).clamp(min=0)",
        "columns.expand(len(padding), -1)",
    ),
    ("cache", "values en el lugar de keys", "(cache.values, value)", "(cache.keys, value)"),
    ("cache", "un lugar de más", "self.length + count > room", "self.length + count > room + 1"),
    ("padding", "una fila toda de relleno", " or not mask[:, -1].all()", ""),
    ("padding", "relleno en medio", "not torch.equal(mask, at_the_left) or ", ""),
    (
        "weights/names",
        "una matriz sin trasponer",
        '"mlp.c_fc.weight", "mlp.c_proj.weight")',
        '"mlp.c_proj.weight")',
    ),
    (
        "weights/names",
        "query y key cambiadas",
        '("att.W_query.weight", "att.W_key.weight",',
        '("att.W_key.weight", "att.W_query.weight",',
    ),
    (
        "weights/names",
        "escala y desplazamiento cambiados",
        '"ln_f.weight": "final_norm.scale"',
        '"ln_f.weight": "final_norm.shift"',
    ),
    (
        "weights/names",
        "cortada por filas",
        "tensor.chunk(len(names), dim=-1)",
        "tensor.chunk(len(names), dim=0)",
    ),
    ("weights/names", "unida por filas", "torch.cat(parts, dim=-1)", "torch.cat(parts, dim=0)"),
    ("weights/names", "sesgos que faltan, a uno", "weight.new_zeros", "weight.new_ones"),
    ("weights/names", "máscara que estorba", '".attn.masked_bias", ', ""),
    ("weights/loading", "las cabezas de config.json no se miran", "settings.get(written)", "None"),
    (
        "weights/loading",
        "n_heads no se mira",
        "_HEADS.get((emb_dim, n_layers)) if n_heads is None else n_heads",
        "_HEADS.get((emb_dim, n_layers))",
    ),
    ("weights/skeleton", "en modo de entrenamiento", "return model.eval()", "return model"),
    ("weights/loading", "vinculada aunque sean dos", "= torch.equal(*(", "= True or torch.equal(*("),
    ("weights/loading", "nunca vinculada", "= torch.equal(*(", "= False and torch.equal(*("),
    (
        "weights/loading",
        "todo leído dos veces",
        "pairs = ((name, source.get(whole[name])) for name in known)",
        "pairs = [(name, source.get(whole[name]).clone()) for name in known]",
    ),
    ("weights/skeleton", "tensores de más", "if missing or extra:", "if missing:"),
    ("files", "JSON sin fondo", "except (ValueError, RecursionError):", "except ValueError:"),
    ("weights/loading", "drop_rate olvidado", 'settings.get("drop_rate", 0.1)', "0.1"),
    ("weights/loading", "qkv_bias inventado", "not ours or", "True or"),
    (
        "weights/saving",
        "siempre vinculada",
        '"tie_word_embeddings": model.tied',
        '"tie_word_embeddings": True',
    ),
    ("weights/saving", "una sola cabeza", '"n_head": cfg["n_heads"]', '"n_head": 1'),
    ("weights/saving", "otra GELU", '"activation_function": "gelu_new"', '"activation_function": "gelu"'),
    ("weights/exact", "maquetas guardadas", " or tensor.is_meta", ""),
    ("weights/exact", "float64 guardado", "tensor.dtype not in DTYPES.values() or ", ""),
    (
        "tokenizer/letters",
        "sin el token final",
        "[*map(_visible, BPETokenizer(merges).tokens), END_OF_TEXT]",
        "[*map(_visible, BPETokenizer(merges).tokens)]",
    ),
    (
        "weights/saving",
        "errores del disco que se escapan",
        "except (OSError, SafetensorError) as error:",
        "except SafetensorError as error:",
    ),
    ("weights/saving", "sin el formato", '"format": "pt", ', ""),
    ("weights/pickled", "tensores dispersos", '"" if value.layout == torch.strided else "disperso"', '""'),
    ("weights/pickled", "maquetas", '"maqueta" if value.is_meta else ', ""),
    (
        "weights/pickled",
        "otros errores del pickle",
        "except Exception as error:",
        "except RuntimeError as error:",
    ),
    ("weights/shards", "falta un archivo, sin aviso", "if missing:", "if False:"),
    ("weights/shards", "archivos de otra copia", "if lost or twice:", "if lost:"),
    ("weights/source", "nombres enteros", "name if len(name) <= 80 else", "name if True else"),
    ("sampling", "desborda con temperaturas diminutas", "wide - wide.amax(dim=-1, keepdim=True)", "wide"),
    (
        "tokenizer/pieces",
        "bytes en orden natural",
        "BYTE_ORDER = [*PRINTABLE, *(byte for byte in range(256) if byte not in PRINTABLE)]",
        "BYTE_ORDER = [*range(256)]",
    ),
    ("tokenizer/pieces", "patrón con las cifras de tres en tres", r"\p{N}++", r"\p{N}{1,3}"),
    ("tokenizer/pieces", "otro token especial", 'END_OF_TEXT = "<|endoftext|>"', 'END_OF_TEXT = "<|fin|>"'),
    (
        "tokenizer/training",
        "empates al revés",
        "number[pair[0]], number[pair[1]], pair",
        "-number[pair[0]], -number[pair[1]], pair",
    ),
    ("tokenizer/training", "un token de más", "len(number) < vocab_size - 1", "len(number) < vocab_size"),
    ("tokenizer/training", "min_frequency no se mira", "-queue[0][0] < min_frequency", "-queue[0][0] < 1"),
    ("tokenizer/training", "cuentas de antes", "and -queue[0][0] != words.counts[queue[0][3]]", "and False"),
    ("tokenizer/bpe", "fusiones sin orden", "min(known, key=self.rank.get)", "max(known, key=self.rank.get)"),
    (
        "tokenizer/bpe",
        "fusión con una mitad que ya no está",
        "if self.rank.get((parts[i], parts[j])) == rank:",
        "if True:",
    ),
    ("data/reading", "corta en medio de unos espacios", " and not text[place - 1].isspace()", ""),
    ("data/reading", "byte mal contado", "done - pending + error.start", "done + error.start"),
    ("data/reading", "textos sin separar", 'separator = END_OF_TEXT if index else ""', 'separator = ""'),
    ("data/tokens", "sobran bytes", "if size != count * dtype.itemsize", "if size < count * dtype.itemsize"),
    (
        "models/vocabulary",
        "un vocabulario ajeno",
        "if vocabulary != visible_vocabulary(load_gpt2_merges()):",
        "if vocabulary is None:",
    ),
    ("generation/text", "escribe el final", "if token.item() in ends:", "if False:"),
    ("generation/text", "cuento sin su principio", "if ids and not is_story:", "if ids:"),
    (
        "generation/__main__",
        "lo guarda todo antes",
        "chain([options.prompt], text",
        "chain([options.prompt], [*text]",
    ),
    (
        "initialization",
        "√L en vez de √(2L)",
        "math.sqrt(2 * len(model.trf_blocks))",
        "math.sqrt(len(model.trf_blocks))",
    ),
    (
        "initialization",
        "solo la atención se divide entre √(2L)",
        '("att.out_proj.weight", "ff.layers.2.weight", ".down.weight")',
        '("att.out_proj.weight",)',
    ),
    ("fast/layers", "GELU exacta", 'F.gelu(x, approximate="tanh")', "F.gelu(x)"),
    ("fast/kernels", "GELU exacta dentro del producto", '("gelu", [], "tanh")', '("gelu", [], "none")'),
    ("fast/loss", "sin restar 1 en la respuesta", "(answers.shape, -1)", "(answers.shape, 0)"),
    ("fast/loss", "gradiente sin la media", ".mul_(power / count)", ".mul_(power)"),
    ("fast/loss", "los trozos se pisan", "band += linear", "band[:] = linear"),
    ("fast/loss", "todos los logits a la vez", "max(1, max_logits // head.out_features)", "len(features)"),
    ("fast/loss", "una cabeza con ganchos se salta", " and not watched(head)", ""),
    ("fast/loss", "pérdida en 16 bits", "torch.promote_types(dtype, torch.float32)", "dtype"),
    ("fast/loss", "float64 rebajado", "torch.promote_types(dtype, torch.float32)", "torch.float32"),
    ("fast/linear", "gradiente de la entrada traspuesto", "linear(rows, weight.T,", "linear(rows, weight,"),
    ("fast/linear", "el sesgo sin gradiente", "rows.sum(0) if needs_bias else None", "None"),
    ("fast/convert", "las columnas no se guardan", "weight.data.T.contiguous().T", "weight.data"),
    ("fast/convert", "las columnas llegan al archivo", "state[name].contiguous()", "state[name]"),
    ("fast/resident", "las opciones de malloc cambiadas", "mallopt(-1, 2**31 - 1)", "mallopt(-2, 0)"),
    ("fast/layers", "los ganchos no se respetan", "any(map(watched, (layers, *layers)))", "False"),
    ("fast/layers", "una pieza cambiada no se respeta", "== [FastLinear, FastGELU, FastLinear]", "!= []"),
    ("fast/choice", "bf16 por oneDNN en float32", "or weight.dtype != torch.float32 ", ""),
    ("fast/kernels", "el interruptor se queda encendido", "fp32_precision = self.before", "fp32_precision"),
    (
        "bench/rounds",
        "la media y no la mediana",
        "tasks.setdefault(task, {})[name] = statistics.median",
        "tasks.setdefault(task, {})[name] = statistics.mean",
    ),
    ("bench/rounds", "empieza siempre el mismo", "first %= len(names)", "first = 0"),
    ("bench/rounds", "no se comparan los logits", "failed |= _different(found, failed)", "pass"),
    ("bench/report", "ventaja al revés", "min(rivals) / shown[OURS]", "shown[OURS] / min(rivals)"),
    ("bench/report", "la atención cuenta como lineal", ' - pieces["scores"]', ""),
    ("bench/report", "entrenar cuesta lo mismo que leer", "= 3 * _linear_flops", "= _linear_flops"),
    ("bench/quality", "bf16 comparado consigo mismo", ".bfloat16())", ")"),
    ("bench/gpu", "el lote más grande y no el más rápido", "batch / seconds > best[0] / best[1]", "True"),
    ("bench/rounds", "la pérdida no se compara", '("loss", "su primera', '("logits", "su primera'),
    ("bench/rounds", "lo lento se repite", " if (kind, name, task) not in slow}", "}"),
    ("bench/gpu", "la parte del límite, sin el límite", "/ seconds / limit", "/ seconds"),
    ("bench/report", "la entrada pasa entera por la cabeza", " - unused) / speed", ") / speed"),
    ("bench/turn", "se repite sin fin", " and sum(seconds) < ENOUGH", ""),
    ("loss", "tokens de y sin comprobar", "and not 0 <= y.min()", "and False and not 0 <= y.min()"),
    ("loss", "formas distintas sin aviso", "if x.shape != y.shape:", "if False:"),
    (
        "loss",
        "el relleno cuenta",
        "logits, targets = logits[mask], y[mask]",
        "logits, targets = logits.flatten(0, 1), y.flatten()",
    ),
    (
        "training/optimizer",
        "los vectores también decaen",
        '"params": vectors, "weight_decay": 0.0',
        '"params": vectors',
    ),
    ("training/optimizer", "las matrices no decaen", '"weight_decay": weight_decay}', '"weight_decay": 0.0}'),
    (
        "training/loop",
        "gradientes sumados, no promediados",
        "(model, *batch) / accumulation",
        "(model, *batch)",
    ),
    (
        "training/loop",
        "cada paso empieza la vuelta",
        "islice(batches, accumulation)",
        "islice(endless(loader, model), accumulation)",
    ),
    ("training/loop", "un gradiente infinito entra en los pesos", " or not _finite_gradients(trained)", ""),
    ("training/batches", "media de los lotes y no de los tokens", "return y.numel()", "return 15"),
    (
        "training/recomputation",
        "el dropout no se repite",
        "use_reentrant=False, **reading",
        "use_reentrant=False, preserve_rng_state=False, **reading",
    ),
    (
        "memory/parameters",
        "una matriz compartida contada dos veces",
        'if cfg["tie_weights"] else',
        "if False else",
    ),
    ("memory/parameters", "AdamW sin las cuentas de pasos", "_FP32 * tensors if", "0 if"),
    (
        "memory/parameters",
        "momentos en bf16",
        "_FP32 if plan.has_master else",
        "plan.element if plan.has_master else",
    ),
    ("memory/parameters", "cabecera sin rellenar", "8 * math.ceil(len(text) / 8)", "len(text)"),
    ("memory/activations", "el logaritmo de SDPA en bf16", "return 4 * rows", "return plan.element * rows"),
    ("memory/activations", "máscaras sin redondear", "-(-count // MASK_BLOCK) * MASK_BLOCK", "count"),
    (
        "memory/activations",
        "caché KV sin el factor 2",
        'return 2 * plan.cfg["n_layers"]',
        'return plan.cfg["n_layers"]',
    ),
    (
        "memory/activations",
        "caché KV con todas las cabezas",
        '* heads(plan, "n_kv_heads")',
        '* heads(plan, "n_heads")',
    ),
    (
        "memory/activations",
        "la explícita no repite las keys",
        "queries if plan.is_explicit else",
        "queries if False else",
    ),
    ("memory/activations", "la copia que pide RoPE", "        saved += queries", "        pass"),
    (
        "memory/activations",
        "la copia de RoPE con una cabeza",
        'min(plan.seq, cfg["n_heads"]) > 1',
        "plan.seq > 1",
    ),
    ("memory/activations", "la norma de las keys", '(cfg["n_heads"] + cfg["n_kv_heads"])', 'cfg["n_heads"]'),
    (
        "memory/activations",
        "la máscara de la ventana",
        "plan.seq**2 * plan.element if plan.is_windowed",
        "0 if True",
    ),
    (
        "memory/activations",
        "lo que recibe un bloque recalculado",
        'pieces["block_inputs"] += plan.seq**2',
        "pass",
    ),
    ("memory/activations", "un solo experto por token", 'plan.whole["experts_per_token"]', "1"),
    (
        "memory/activations",
        "giros con una tabla de D/2",
        "4 * plan.seq * plan.whole",
        "2 * plan.seq * plan.whole",
    ),
    ("memory/plan", "la ventana justa tapa", "window < self.seq", "window <= self.seq"),
    ("memory/flops", "keys con todas las cabezas", '2 * cfg["n_kv_heads"]', "2 * H"),
    ("memory/flops", "el enrutador no cuenta", 'cfg["n_experts"] + 3', "3"),
    (
        "memory/flops",
        "el último experto no se repite",
        '"experts": lambda cfg: 0',
        '"experts": lambda cfg: cfg["hidden_dim"]',
    ),
    ("memory/flops", "cabeza sin contar", '2 * tokens * C * cfg["vocab_size"]', "0"),
    (
        "memory/ledger",
        "gradientes que no esperan al acumular",
        "if plan.accumulation > 1 else 0",
        "if False else 0",
    ),
    (
        "config/values",
        "True vale como entero",
        "isinstance(value, numbers.Integral) and not isinstance(value, bool)",
        "isinstance(value, numbers.Integral)",
    ),
    ("config/keys", "claves desconocidas sin aviso", "if missing or unknown:", "if missing:"),
    ("config/keys", "sesgos donde no los hay", 'cfg["feed_forward"] != "gelu" and cfg["bias"]', "False"),
    (
        "rmsnorm",
        "resta la media",
        "mean_square = (x * x)",
        "mean_square = (x - x.mean(-1, keepdim=True)).square()",
    ),
    ("rmsnorm", "eps fuera de la raíz", "(mean_square + self.eps)", "(mean_square) + self.eps"),
    ("rope", "las parejas del otro reparto", "x.chunk(2, dim=-1)", "(x[..., 0::2], x[..., 1::2])"),
    (
        "rope",
        "gira al revés",
        "turned = torch.cat([first * cos - second * sin, second * cos + first * sin]",
        "turned = torch.cat([first * cos + second * sin, second * cos - first * sin]",
    ),
    ("rope", "frecuencias de D/2", "steps / self.head_dim", "2 * steps / self.head_dim"),
    ("rope", "posiciones en 16 bits", "places.float()", "places.bfloat16()"),
    (
        "rope",
        "estira lo que gira deprisa",
        "(1 - kept) * frequencies / scaling",
        "kept * frequencies / scaling",
    ),
    (
        "swiglu",
        "la puerta en lo que pasa",
        "F.silu(self.gate(x)) * self.up(x)",
        "F.silu(self.up(x)) * self.gate(x)",
    ),
    ("swiglu", "la puerta es una sigmoide", "F.silu(", "F.sigmoid("),
    ("experts", "softmax de todos los expertos", "self.router(x).topk(", "self.router(x).softmax(-1).topk("),
    (
        "experts",
        "los pesos no se aplican",
        "expert(rows[row]) * weights[row, place, None]",
        "expert(rows[row])",
    ),
    ("experts", "todos hacen todo", "(chosen == index).nonzero", "(chosen >= 0).nonzero"),
    (
        "grouped_attention",
        "cabezas repartidas salteadas",
        "x.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1)",
        "x.repeat(1, self.n_heads // self.n_kv_heads, 1, 1)",
    ),
    (
        "grouped_attention",
        "la key no se normaliza",
        "self.query_norm(query), self.key_norm(key)",
        "self.query_norm(query), key",
    ),
    ("grouped_attention", "la key no gira", "rotate_half_split(key, *rotation)", "key"),
    ("grouped_attention", "normas de otro eps", "RMSNorm(self.head_dim, norm_eps)", "RMSNorm(self.head_dim)"),
    ("padding", "ventana de uno más", "places > columns - window", "places >= columns - window"),
    ("pieces", "eps olvidado", 'cfg["emb_dim"], cfg["norm_eps"])', 'cfg["emb_dim"])'),
    (
        "pieces",
        "base de RoPE olvidada",
        'cfg["head_dim"], cfg["rope_base"], cfg',
        'cfg["head_dim"], 10_000.0, cfg',
    ),
    ("model", "el modelo olvida la ventana", ', self.cfg.get("window")', ""),
    ("cache", "sitio para todas las cabezas", 'cfg["n_kv_heads"]', 'cfg["n_heads"]'),
    (
        "inspection",
        "los pesos se miran sin la norma",
        "block.att.attention_weights(block.norm1(x), **reading)",
        "block.att.attention_weights(x, **reading)",
    ),
]


def plant(copy, module, text, faulty):
    path = copy / "gpt_course" / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    if source.count(text) != 1:
        sys.exit(f"El texto debe aparecer una vez en {module}.py y aparece {source.count(text)}: {text!r}")
    path.write_text(source.replace(text, faulty), encoding="utf-8")
    return path, source


def escaping(copy, faults, files):
    """Los fallos que no nota ninguna prueba de `files(módulo)`."""
    used = sorted({file for module, *_ in faults for file in files(module)})
    costs, _ = run_clean(used, lambda test: 0)
    escaped = []
    for fault in faults:
        module, name, text, faulty = fault
        path, source = plant(copy, module, text, faulty)
        start = time.perf_counter()
        caught_by, *_ = run_tests(files(module), costs, lambda test: costs.get(test, 0))  # antes, las cortas
        path.write_text(source, encoding="utf-8")
        escaped += [] if caught_by else [fault]
        seconds = time.perf_counter() - start
        print(f"{module:<19} {name:<46} {seconds:4.0f} s  {caught_by or 'escapa'}", flush=True)
    return escaped


def main(words):
    faults = [fault for fault in FAULTS if not words or any(word in " ".join(fault[:2]) for word in words)]
    with warm_copy() as copy:
        for module, _, text, faulty in faults:  # antes de esperar, que todos los textos existan
            path, source = plant(copy, module, text, faulty)
            path.write_text(source, encoding="utf-8")
        escaped = escaping(copy, faults, lambda module: tests_of(copy, module))
        if escaped:  # ni las del estilo ni las de los cuadernos: no les toca notar un error de cálculo
            every = sorted({file for module, *_ in FAULTS for file in tests_of(copy, module)})
            escaped = escaping(copy, escaped, lambda module: every)
    print(f"\n{len(faults) - len(escaped)} de {len(faults)} fallos descubiertos.")
    return bool(escaped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
