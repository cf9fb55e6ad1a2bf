"""¿Sirven de algo las pruebas? Planta fallos en el paquete, de uno en uno, y mira si alguna los ve.

Se ejecuta a mano: `python tests/mutations.py [palabra…]` (con palabras, solo los fallos que las contienen).
Cada fallo cambia un texto que debe aparecer exactamente una vez en una copia temporal del paquete.
Sale con un código distinto de 0 si algún fallo escapa o si su texto ya no se encuentra.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ["gpt_course", "tests", "conftest.py", "pyproject.toml"]

FAULTS = [  # módulo, fallo, texto, texto con el fallo
    ("layers", "eps de 1e-6", "self.eps = 1e-5", "self.eps = 1e-6"),
    ("layers", "varianza insesgada", "unbiased=False", "unbiased=True"),
    ("layers", "eps fuera de la raíz", "torch.sqrt(var + self.eps)", "(torch.sqrt(var) + self.eps)"),
    ("layers", "norma sin desplazamiento", " + self.shift", ""),
    ("layers", "norma sin restar la media", "self.scale * (x - mean)", "self.scale * x"),
    ("layers", "constante de GELU", "0.044715", "0.044751"),
    ("layers", "GELU: √(2/π) mal escrita", "math.sqrt(2 / math.pi)", "math.sqrt(2) / math.pi"),
    (
        "layers",
        "red feed-forward de 2C",
        "nn.Linear(emb_dim, 4 * emb_dim)",
        "nn.Linear(emb_dim, 2 * emb_dim)",
    ),
    ("dropout", "umbral incluido", "torch.lt(", "torch.le("),
    ("dropout", "umbral redondeado hacia abajo", "math.ceil((1 - p)", "int((1 - p)"),
    ("attention", "falta √D", " / math.sqrt(query.shape[-1])", ""),
    ("attention", "√T en vez de √D", "math.sqrt(query.shape[-1])", "math.sqrt(query.shape[-2])"),
    ("attention", "máscara desplazada", ".triu(1 + n_all", ".triu(2 + n_all"),
    ("attention", "máscara que tapa al propio token", ".triu(1 + n_all", ".triu(n_all"),
    ("attention", "máscara al revés", ".triu(1 + n_all", ".tril(n_all - 1"),
    ("attention", "SDPA sin máscara", "is_causal=causal", "is_causal=False"),
    ("attention", "softmax sobre las preguntas", "softmax(dim=-1)", "softmax(dim=-2)"),
    (
        "attention",
        "key y query cambiadas",
        "_causal_weights(query, key, visible)) @",
        "_causal_weights(key, query, visible)) @",
    ),
    (
        "attention",
        "pesos que se miran con key y query cambiadas",
        "_causal_weights(self._split_heads(self.W_query(x)), self._split_heads(self.W_key(x)))",
        "_causal_weights(self._split_heads(self.W_key(x)), self._split_heads(self.W_query(x)))",
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
        "self.dropout(_causal_weights(query, key, visible))",
        "_causal_weights(query, key, visible)",
    ),
    (
        "attention",
        "con caché, SDPA tapa lo anterior",
        "visible is None and query.shape[-2] == key.shape[-2]",
        "visible is None",
    ),
    ("attention", "la cuenta explícita lee el relleno", "hidden = ~visible", "hidden = visible & False"),
    ("attention", "las máscaras ajenas no cargan", 'state_dict.pop(prefix + "mask", None)', "pass"),
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
        "self.drop_shortcut(self.att(self.norm1(x), cache))",
        "self.norm1(self.drop_shortcut(self.att(x, cache)))",
    ),
    ("block", "la misma norma dos veces", "self.norm2(x)", "self.norm1(x)"),
    (
        "block",
        "sin dropout tras la atención",
        "self.drop_shortcut(self.att(self.norm1(x), cache))",
        "self.att(self.norm1(x), cache)",
    ),
    ("block", "la caché no llega a la atención", "self.norm1(x), cache)", "self.norm1(x))"),
    (
        "block",
        "sin dropout tras feed-forward",
        "self.drop_shortcut(self.ff(self.norm2(x)))",
        "self.ff(self.norm2(x))",
    ),
    ("block", "qkv_bias ignorado", 'qkv_bias=cfg["qkv_bias"]', "qkv_bias=False"),
    ("block", "drop_rate ignorado en la atención", 'drop_rate=cfg["drop_rate"], ', ""),
    (
        "block",
        "feed-forward se crea antes que la atención",
        "        self.att = MultiHeadAttention(",
        '        self.ff = FeedForward(cfg["emb_dim"])\n        self.att = MultiHeadAttention(',
    ),
    (
        "model",
        "posiciones desde 1",
        "torch.arange(in_idx.shape[1], device",
        "torch.arange(1, in_idx.shape[1] + 1, device",
    ),
    ("model", "posiciones al revés", "self.pos_emb(positions)", "self.pos_emb(positions.flip(0))"),
    ("model", "sin posiciones", " + self.pos_emb(positions)", ""),
    ("model", "posiciones en la CPU", "(in_idx.shape[1], device=in_idx.device)", "(in_idx.shape[1])"),
    ("model", "falta la norma final", "return self.final_norm(x)", "return x"),
    ("model", "sin dropout en las incrustaciones", "self.drop_emb(self.tok_emb", "(self.tok_emb"),
    ("model", "last_only da todos los lugares", "x[:, -1:] if last_only else x", "x"),
    ("model", "last_only da el primero", "x[:, -1:] if last_only", "x[:, :1] if last_only"),
    ("model", "una caché de otro modelo", "cache.check_model(self)", "pass"),
    ("model", "la cabeza no se comparte", 'self.tied = cfg.get("tie_weights", False)', "self.tied = False"),
    (
        "model",
        "la cabeza se copia en vez de compartirse",
        "self.out_head.weight = self.tok_emb.weight",
        "self.out_head.weight = nn.Parameter(self.tok_emb.weight.detach().clone())",
    ),
    (
        "model",
        "la vinculación se pierde al convertir",
        "super()._apply(fn, recurse)  # .to(), .half(), .to_empty()…\n        self._tie()",
        "super()._apply(fn, recurse)",
    ),
    (
        "model",
        "la vinculación se pierde al cargar",
        "        self.register_load_state_dict_post_hook(_tie_again)\n",
        "",
    ),
    (
        "model",
        "la matriz compartida se guarda dos veces",
        'state_dict.pop(prefix + "out_head.weight", None)',
        "pass",
    ),
    (
        "model",
        "se aceptan dos matrices distintas",
        "if not _same_matrix(first",
        "if False and not _same_matrix(first",
    ),
    (
        "model",
        "la cabeza sola no llena las dos",
        "(token in state_dict or head in state_dict)",
        "token in state_dict",
    ),
    ("model", "un NaN hace distinta una matriz", "equal_nan=True", "equal_nan=False"),
    ("model", "tokens en otro dispositivo", "if in_idx.device != device:", "if False:"),
    ("attention", "entrada de cualquier rango", "x.dim() != 3 or ", ""),
    ("attention", "entrada de cualquier anchura", " or x.shape[-1] != width", ""),
    (
        "dropout",
        "la maqueta no gasta su palabra",
        "            _next_word()\n            keep",
        "            keep",
    ),
    ("config", "cabezas sin comprobar", 'check_heads(cfg["emb_dim"], cfg["n_heads"])', "pass"),
    ("model", "cabeza con sesgo", 'cfg["vocab_size"], bias=False)', 'cfg["vocab_size"], bias=True)'),
    ("model", "se acepta el token V", "high >= vocab_size", "high > vocab_size"),
    ("model", "se aceptan tokens negativos", "low < 0 or high", "high"),
    (
        "model",
        "se acepta T = context_length + 1",
        "in_idx.shape[1] > context_length",
        "in_idx.shape[1] > context_length + 1",
    ),
    ("model", "un bloque de menos", 'range(cfg["n_layers"])', 'range(1, cfg["n_layers"])'),
    ("model", "ganchos que no se retiran", "hook.remove()", "pass"),
    ("dropout", "sin dividir entre 1 − p", "x * keep / (1 - self.p)", "x * keep"),
    ("dropout", "dividir entre p", "/ (1 - self.p)", "/ self.p"),
    ("dropout", "máscara invertida", "torch.lt(", "torch.ge("),
    ("dropout", "otro multiplicador", "MULTIPLIER = 1132489760", "MULTIPLIER = 1132489761"),
    ("dropout", "otro módulo", "MODULUS = 2**31 - 1", "MODULUS = 2**31"),
    ("dropout", "umbral con p", "math.ceil((1 - p) * MODULUS)", "math.ceil(p * MODULUS)"),
    ("dropout", "la semilla 0 no se corrige", "_next_word() % MODULUS or 1", "_next_word() % MODULUS"),
    ("dropout", "palabra con la mitad baja", "(draw >> 32) & 0xFFFFFFFF", "draw & 0xFFFFFFFF"),
    (
        "dropout",
        "no se gasta la palabra",
        '    torch.empty((), dtype=torch.int32, device="cpu").random_()\n',
        "",
    ),
    ("dropout", "se gastan dos palabras", "    torch.set_rng_state(state)\n", ""),
    ("dropout", "una sola vuelta del módulo", "for _ in range(2):", "for _ in range(1):"),
    (
        "dropout",
        "bloques mal encadenados",
        "pow(MULTIPLIER, _BLOCK, MODULUS)",
        "pow(MULTIPLIER, _BLOCK - 1, MODULUS)",
    ),
    ("dropout", "también en evaluación", "not self.training or self.p == 0", "self.p == 0"),
    ("generation", "argmin", "logits.argmax(", "logits.argmin("),
    (
        "generation",
        "contexto recortado por el otro lado",
        "ids[:, -self.context_length :]",
        "ids[:, : self.context_length]",
    ),
    (
        "generation",
        "contexto de un token menos",
        "ids[:, -self.context_length :]",
        "ids[:, 1 - self.context_length :]",
    ),
    (
        "generation",
        "todos los lugares pasan por la cabeza",
        "cache=self.cache, last_only=True)",
        "cache=self.cache)",
    ),
    ("generation", "guarda gradientes", "@torch.no_grad()\ndef _steps", "def _steps"),
    ("generation", "cambia el tipo", "generator).to(ids)", "generator)"),
    ("generation", "una fila acabada sigue", "token.masked_fill(finished, eos_id)", "token"),
    ("generation", "para con la primera que acaba", "if finished.all():", "if finished.any():"),
    ("generation", "no para aunque acaben todas", "if finished.all():", "if False:"),
    ("generation", "se acepta el final V", "0 <= eos_id < vocab_size", "0 <= eos_id <= vocab_size"),
    ("generation", "el flujo comprueba tarde", "return _steps(model", "yield from _steps(model"),
    (
        "generation",
        "relleno a la derecha",
        "columns >= (lengths.max() - lengths)[:, None]",
        "columns < lengths[:, None]",
    ),
    (
        "generation",
        "el relleno se lee",
        "columns >= self.padding[:, None]",
        "columns >= 0 * self.padding[:, None]",
    ),
    ("generation", "máscara de otra forma", "if mask.shape != ids.shape:", "if False:"),
    (
        "generation",
        "la caché se sigue usando al correrse la ventana",
        "not self.use_cache or ids.shape[1] > self.context_length",
        "not self.use_cache",
    ),
    (
        "generation",
        "la caché se abandona un token antes",
        "or ids.shape[1] > self.context_length",
        "or ids.shape[1] >= self.context_length",
    ),
    ("generation", "la caché no se usa", "keep = self.use_cache and", "keep = False and"),
    ("generation", "cache=False no la quita", "keep = self.use_cache and", "keep = True and"),
    ("generation", "caché más larga de lo que hace falta", "+ max_new_tokens - 1,", "+ max_new_tokens,"),
    ("sampling", "temperatura que multiplica", "logits / temperature\n", "logits * temperature\n"),
    ("sampling", "top-k de uno menos", "min(top_k, logits", "min(max(1, top_k - 1), logits"),
    ("sampling", "top-k que tira los empates", "logits < smallest_kept", "logits <= smallest_kept"),
    ("sampling", "top-p sin el que cruza la raya", "tail <= 1 - top_p", "tail < 1 - top_p + 0.1"),
    ("sampling", "top-p que puede quedarse sin nadie", "outside[..., -1] = False", "pass"),
    ("sampling", "top-p antes de ordenar", "scatter(-1, order, outside)", "copy_(outside)"),
    ("sampling", "empates sin orden", "descending=True, stable=True)", "descending=True)"),
    ("sampling", "sorteo con probabilidad 0", "right=True)", "right=False)"),
    (
        "sampling",
        "un solo número para todas las frases",
        "torch.rand(len(cumulative), 1,",
        "torch.rand(1, 1,",
    ),
    ("sampling", "azar de 24 bits", "dtype=torch.float64, device", "dtype=torch.float32, device"),
    ("sampling", "no usa el generador", "generator=generator, dtype", "generator=None, dtype"),
    ("sampling", "opciones que se callan", "if temperature == 0 and given:", "if False:"),
    ("sampling", "NaN sorteado", "if not cumulative[:, -1].isfinite().all():", "if False:"),
    ("cache", "bytes de la mitad", "self.keys.nbytes + self.values.nbytes", "self.keys.nbytes"),
    (
        "cache",
        "siempre en float32",
        "weight.new_empty(shape), weight.new_empty",
        "weight.new_empty(shape).float(), weight.new_empty",
    ),
    ("cache", "se lee el token siguiente", "places <= columns[:, None]", "places <= columns[:, None] + 1"),
    ("cache", "un trozo lee todo lo suyo", "(self.start == 0 or len(columns) == 1)", "True"),
    ("cache", "un relleno no lee nada", "(visible & real) | (places == columns[:, None])", "visible & real"),
    (
        "cache",
        "el relleno se lee",
        "places >= self.padding[:, None, None]",
        "places >= 0 * self.padding[:, None, None]",
    ),
    (
        "cache",
        "posiciones que cuentan el relleno",
        "(columns - self.padding[:, None]).clamp(min=0)",
        "columns.expand(len(self.padding), -1)",
    ),
    ("cache", "values en el lugar de keys", "(cache.values, value)", "(cache.keys, value)"),
    ("cache", "un lugar de más", "self.length + count > room", "self.length + count > room + 1"),
    ("cache", "otro lote", "if batch != rows:", "if False:"),
    ("cache", "otro modelo", "if created != _blocks(model):", "if False:"),
    ("cache", "guarda gradientes", "if torch.is_grad_enabled():", "if False:"),
    ("cache", "más larga que el contexto", "if length > context_length:", "if False:"),
    ("cache", "una fila toda de relleno", " or not mask.any(dim=1).all()", ""),
    ("cache", "relleno en medio", "not torch.equal(mask, at_the_left) or ", ""),
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
    ("weights/names", "unida por filas", "for part in parts], dim=-1)", "for part in parts], dim=0)"),
    ("weights/names", "sesgos que faltan, a uno", "weight.new_zeros", "weight.new_ones"),
    ("weights/names", "máscara que estorba", '".attn.masked_bias", ', ""),
    ("weights/loading", "las cabezas de config.json no se miran", 'settings.get("n_head")', "None"),
    ("weights/loading", "n_heads no se mira", "n_heads if n_heads is not None else settings", "settings"),
    ("weights/loading", "en modo de entrenamiento", "return model.eval()", "return model"),
    ("weights/loading", "vinculada aunque sean dos", "= torch.equal(*(", "= True or torch.equal(*("),
    ("weights/loading", "nunca vinculada", "= torch.equal(*(", "= False and torch.equal(*("),
    (
        "weights/loading",
        "todo leído dos veces",
        "source.get(whole[name]) for name in known",
        "source.get(whole[name]).clone() for name in known",
    ),
    ("weights/loading", "formas sin comprobar", "if shape != expected[name]:", "if False:"),
    ("weights/loading", "tensores de más", "if missing or extra:", "if missing:"),
    ("weights/loading", "tensores repetidos", "if len(known) < len(names):", "if False:"),
    ("weights/loading", "sin tope de bloques", "if cfg[name] > most:", "if False:"),
    ("weights/loading", "config.json de otro modelo", "if theirs in settings and", "if False and"),
    (
        "weights/loading",
        "lo que no se sabe hacer",
        "if key in found and found[key] not in values:",
        "if False:",
    ),
    ("weights/loading", "JSON sin fondo", "except (ValueError, RecursionError):", "except ValueError:"),
    ("weights/loading", "tres dropout en uno", "if rates != rates[:1] * 3:", "if False:"),
    ("weights/loading", "drop_rate olvidado", 'settings.get("drop_rate", 0.1)', "0.1"),
    ("weights/loading", "qkv_bias inventado", "not ours or", "True or"),
    (
        "weights/saving",
        "siempre vinculada",
        '"tie_word_embeddings": model.tied',
        '"tie_word_embeddings": True',
    ),
    ("weights/saving", "una sola cabeza", '"n_head": att.n_heads', '"n_head": 1'),
    ("weights/saving", "otra GELU", '"activation_function": "gelu_new"', '"activation_function": "gelu"'),
    ("weights/saving", "maquetas guardadas", " or tensor.is_meta", ""),
    ("weights/saving", "float64 guardado", "tensor.dtype not in DTYPES.values() or ", ""),
    (
        "weights/saving",
        "tokenizador para cualquiera",
        "if model.tok_emb.num_embeddings == 50257:",
        "if True:",
    ),
    (
        "weights/saving",
        "sin el token final",
        "[*map(visible, BPETokenizer(merges).tokens), END_OF_TEXT]",
        "[*map(visible, BPETokenizer(merges).tokens)]",
    ),
    (
        "weights/saving",
        "errores del disco que se escapan",
        "except (OSError, SafetensorError) as error:",
        "except SafetensorError as error:",
    ),
    ("weights/saving", "sin el formato", ', metadata={"format": "pt"}', ""),
    ("weights/source", "código que se ejecuta", "weights_only=True", "weights_only=False"),
    ("weights/source", "un .pt entero en memoria", "mmap=True", "mmap=False"),
    ("weights/source", "comprimidos", "if any(part.compress_type", "if False and any(part.compress_type"),
    ("weights/source", "tensores sin números", "if sum(tensor.nbytes", "if False and sum(tensor.nbytes"),
    ("weights/source", "tensores dispersos", "and tensor.layout == torch.strided ", ""),
    ("weights/source", "maquetas", " and not tensor.is_meta", ""),
    ("weights/source", "cualquier tipo", "        if wrong:", "        if False:"),
    (
        "weights/source",
        "otros errores del pickle",
        "except Exception as error:",
        "except RuntimeError as error:",
    ),
    ("weights/source", "máscaras que estorban", "if not name.endswith(MASKS)}", "if True}"),
    ("weights/source", "lo que no es un archivo", "if not path.is_file():", "if False:"),
    ("weights/source", "cualquier extensión", "if path.suffix not in (SAFE, *TORCH):", "if False:"),
    ("weights/source", "repartidos sin aviso", '(path / "model.safetensors.index.json").exists()', "False"),
    ("weights/source", "nombres enteros", "name if len(name) <= 80 else", "name if True else"),
    ("weights/download", "se baja todo", "allow_patterns=_FILES, ", ""),
    ("weights/download", "cualquier nombre", "if name not in GPT2_CONFIGS:", "if False:"),
    (
        "generation",
        "desborda con temperaturas diminutas",
        "logits - logits.amax(dim=-1, keepdim=True)",
        "logits",
    ),
    (
        "tokenizer",
        "bytes en orden natural",
        "BYTE_ORDER = [*PRINTABLE, *(byte for byte in range(256) if byte not in PRINTABLE)]",
        "BYTE_ORDER = [*range(256)]",
    ),
    ("tokenizer", "cuenta la línea de versión", "splitlines()[1:]", "splitlines()[0:]"),
    ("tokenizer", "falta el byte 173", "range(174, 256)]", "range(173, 256)]"),
    ("tokenizer", "patrón con las cifras de tres en tres", r"\p{N}++", r"\p{N}{1,3}"),
    ("tokenizer", "tabla sin comprobar", "if digest != VOCAB_BPE_SHA256:", "if False:"),
    ("tokenizer", "otro token especial", 'END_OF_TEXT = "<|endoftext|>"', 'END_OF_TEXT = "<|fin|>"'),
    ("tokenizer", "empates al revés", "number[p[0]], number[p[1]])", "-number[p[0]], -number[p[1]])"),
    ("tokenizer", "fusiones sin orden", "min(known, key=self.rank.get)", "max(known, key=self.rank.get)"),
    ("tokenizer", "un token de más", "len(number) < vocab_size - 1", "len(number) < vocab_size"),
    ("tokenizer", "min_frequency no se mira", "counts[pair] < min_frequency", "counts[pair] < 1"),
    ("model", "una vinculación rota no se nota", "None not in ends and ends[0] is not ends[1]", "False"),
    ("model", "sesgos sin poner a 0", "parameter.zero_()", "pass"),
    ("model", "normas a 0", "parameter.fill_(1)", "parameter.fill_(0)"),
    (
        "model",
        "√L en vez de √(2L)",
        "math.sqrt(2 * len(model.trf_blocks))",
        "math.sqrt(len(model.trf_blocks))",
    ),
    ("model", "posiciones con 0,02", '0.01 if name.endswith("pos_emb.weight") else 0.02', "0.02"),
    (
        "model",
        "solo la atención se divide entre √(2L)",
        '("att.out_proj.weight", "ff.layers.2.weight")',
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
    ("fast/choice", "bf16 por oneDNN en float32", "x.dtype == weight.dtype == torch.float32 and", ""),
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
    ("training/loss", "tokens de y sin comprobar", "and not 0 <= y.min()", "and False and not 0 <= y.min()"),
    ("training/loss", "formas distintas sin aviso", "if x.shape != y.shape:", "if False:"),
    (
        "training/loss",
        "el relleno cuenta",
        "mask=mask)[mask], y[mask]",
        "mask=mask).flatten(0, 1), y.flatten()",
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
    ("memory/parameters", "sesgos que faltan", "if qkv_bias:", "if False:"),
    (
        "memory/parameters",
        "una matriz compartida contada dos veces",
        'if cfg.get("tie_weights", False) else',
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
    ("memory/activations", "normalización sin la resta", "2 * (3 * wide", "2 * (2 * wide"),
    ("memory/activations", "normalización final sin contar", "+= 3 * width(plan)", "+= 2 * width(plan)"),
    ("memory/activations", "GELU de un solo tensor", "21 * wide", "9 * wide"),
    ("memory/activations", "el logaritmo de SDPA en bf16", "return 4 * rows", "return plan.element * rows"),
    ("memory/activations", "máscara causal sin contar", "+ plan.seq**2\n", "\n"),
    ("memory/activations", "máscaras sin redondear", "-(-count // MASK_BLOCK) * MASK_BLOCK", "count"),
    ("memory/activations", "tokens sin las respuestas", "16 * tokens", "8 * tokens"),
    ("memory/activations", "la recomputación no cambia nada", "if plan.checkpointing:", "if False:"),
    (
        "memory/activations",
        "caché KV sin el factor 2",
        'return 2 * plan.cfg["n_layers"]',
        'return plan.cfg["n_layers"]',
    ),
    ("memory/flops", "la mitad de las parejas", "L * 4 * tokens * plan.seq", "L * 2 * tokens * plan.seq"),
    ("memory/flops", "cabeza sin contar", '2 * tokens * C * plan.cfg["vocab_size"]', "0"),
    ("memory/flops", "recomputación entera", "if not plan.has_dropout:", "if False:"),
    (
        "memory/ledger",
        "gradientes que no esperan al acumular",
        "if plan.accumulation > 1 else 0",
        "if False else 0",
    ),
    ("memory/plan", "más tokens que posiciones", 'if self.seq > self.cfg["context_length"]:', "if False:"),
    ("memory/measure", "los parámetros también cuentan", "if place not in known", "if True"),
    ("config", "gpt2-xl con 36 bloques", '"n_layers": 48', '"n_layers": 36'),
    ("config", "p = 1 se acepta", "not 0 <= value < 1", "not 0 <= value <= 1"),
    (
        "config",
        "True vale como entero",
        "if isinstance(value, bool) or not isinstance(value, numbers.Integral)",
        "if not isinstance(value, numbers.Integral)",
    ),
    ("config", "claves desconocidas sin aviso", "if missing or unknown:", "if missing:"),
]


def plant(copy, module, text, faulty):
    path = copy / "gpt_course" / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    if source.count(text) != 1:
        sys.exit(f"El texto debe aparecer una vez en {module}.py y aparece {source.count(text)}: {text!r}")
    path.write_text(source.replace(text, faulty), encoding="utf-8")
    return path, source


def run_tests(copy, module=None):
    """Pasa las pruebas de los módulos, primero las del averiado; devuelve la primera que falla o None."""
    # Las del estilo o los cuadernos no cuentan: no deben ser ellas las que noten un error de cálculo.
    modules = {fault[0].split("/")[0] for fault in FAULTS} | {"weight_tying"}
    first = (module or "").split("/")[0]
    files = [f"test_{name}.py" for name in sorted(modules, key=lambda name: (name != first, name))]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [*command, *(f"tests/{name}" for name in files)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) tests/(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return failed[1] if failed else f"pytest terminó con {done.returncode}"


def check_faults(copy, faults):
    escaped = 0
    for module, name, text, faulty in faults:
        path, source = plant(copy, module, text, faulty)
        start = time.perf_counter()
        caught_by = run_tests(copy, module)
        path.write_text(source, encoding="utf-8")
        escaped += caught_by is None
        seconds = time.perf_counter() - start
        print(f"{module:<19} {name:<46} {seconds:4.0f} s  {caught_by or 'ESCAPA'}", flush=True)
    return escaped


def main(words):
    faults = [fault for fault in FAULTS if not words or any(word in " ".join(fault[:2]) for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
        for module, _, text, faulty in faults:  # antes de esperar, que todos los textos existan
            path, source = plant(copy, module, text, faulty)
            path.write_text(source, encoding="utf-8")
        if broken := run_tests(copy):
            sys.exit(f"Sin ningún fallo plantado ya hay una prueba en rojo: {broken}")
        escaped = check_faults(copy, faults)
    print(f"\n{len(faults) - escaped} de {len(faults)} fallos descubiertos.")
    return escaped > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
