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
    ("attention", "máscara desplazada", ".triu(1)", ".triu(2)"),
    ("attention", "máscara que tapa al propio token", ".triu(1)", ".triu(0)"),
    ("attention", "máscara al revés", ".triu(1)", ".tril(-1)"),
    ("attention", "SDPA sin máscara", "is_causal=True", "is_causal=False"),
    ("attention", "softmax sobre las preguntas", "softmax(dim=-1)", "softmax(dim=-2)"),
    (
        "attention",
        "key y query cambiadas",
        "_causal_weights(query, key)) @",
        "_causal_weights(key, query)) @",
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
        "self.dropout(_causal_weights(query, key))",
        "_causal_weights(query, key)",
    ),
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
        "self.drop_shortcut(self.att(self.norm1(x)))",
        "self.norm1(self.drop_shortcut(self.att(x)))",
    ),
    ("block", "la misma norma dos veces", "self.norm2(x)", "self.norm1(x)"),
    (
        "block",
        "sin dropout tras la atención",
        "self.drop_shortcut(self.att(self.norm1(x)))",
        "self.att(self.norm1(x))",
    ),
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
    ("model", "falta la norma final", "self.out_head(self.final_norm(x))", "self.out_head(x)"),
    ("model", "sin dropout en las incrustaciones", "self.trf_blocks(self.drop_emb(x))", "self.trf_blocks(x)"),
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
    ("generation", "argmin", "next_id = logits.argmax(", "next_id = logits.argmin("),
    (
        "generation",
        "contexto recortado por el otro lado",
        "ids[:, -context_length:]",
        "ids[:, :context_length]",
    ),
    ("generation", "contexto de un token menos", "ids[:, -context_length:]", "ids[:, 1 - context_length:]"),
    ("generation", "primer token y no último", "context_length:])[:, -1]", "context_length:])[:, 0]"),
    ("generation", "guarda gradientes", "with torch.no_grad():", "with torch.enable_grad():"),
    ("generation", "cambia el tipo", "next_id.to(ids)", "next_id"),
    ("generation", "temperatura que multiplica", "logits / temperature\n", "logits * temperature\n"),
    ("generation", "top-k de uno menos", "min(top_k, logits", "min(max(1, top_k - 1), logits"),
    ("generation", "top-k que tira los empates", "logits < smallest_kept", "logits <= smallest_kept"),
    ("generation", "top-p sin el que cruza la raya", "tail <= 1 - top_p", "tail < 1 - top_p + 0.1"),
    ("generation", "top-p que puede quedarse sin nadie", "outside[..., -1] = False", "pass"),
    ("generation", "top-p antes de ordenar", "scatter(-1, order, outside)", "copy_(outside)"),
    ("generation", "sorteo con probabilidad 0", "right=True)", "right=False)"),
    (
        "generation",
        "un solo número para todas las frases",
        "torch.rand(len(cumulative), 1,",
        "torch.rand(1, 1,",
    ),
    ("generation", "azar de 24 bits", "dtype=torch.float64, device", "dtype=torch.float32, device"),
    ("generation", "no usa el generador", "generator=generator, dtype", "generator=None, dtype"),
    ("generation", "opciones que se callan", "if temperature == 0 and given:", "if False:"),
    ("generation", "NaN sorteado", "if not cumulative[:, -1].isfinite().all():", "if False:"),
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
    ("training", "la pérdida mira solo una fila", "logits.flatten(0, 1), y.flatten()", "logits[0], y[0]"),
    ("training", "tokens de y sin comprobar", "and not 0 <= y.min()", "and False and not 0 <= y.min()"),
    ("training", "formas distintas sin aviso", "if x.shape != y.shape:", "if False:"),
    (
        "training",
        "los vectores también decaen",
        '"params": vectors, "weight_decay": 0.0',
        '"params": vectors',
    ),
    ("training", "las matrices no decaen", '"weight_decay": weight_decay}', '"weight_decay": 0.0}'),
    ("training", "betas de fábrica", ", betas=(0.9, 0.95)", ""),
    ("training", "gradientes sumados, no promediados", ") / accumulation", ")"),
    ("training", "gradientes que no se borran", "optimizer.zero_grad(set_to_none=True)", "pass"),
    (
        "training",
        "cada paso empieza la vuelta",
        "islice(batches, accumulation)",
        "islice(_endless(loader), accumulation)",
    ),
    (
        "training",
        "el dropout no actúa al entrenar",
        "_mode(model, training=True)",
        "_mode(model, training=False)",
    ),
    (
        "training",
        "el dropout actúa al evaluar",
        "_mode(model, training=False)",
        "_mode(model, training=True)",
    ),
    ("training", "los modos no se devuelven", "module.training = mode", "pass"),
    (
        "training",
        "un NaN entra en los pesos",
        "if not math.isfinite(total) or not _finite_gradients(trained):",
        "if False:",
    ),
    (
        "training",
        "un gradiente infinito entra en los pesos",
        " or not _finite_gradients(trained)",
        "",
    ),
    ("training", "media de los lotes y no de los tokens", "count += y.numel()", "count += total * 0 + 15"),
    (
        "training",
        "el dropout no se repite",
        "use_reentrant=False)",
        "use_reentrant=False, preserve_rng_state=False)",
    ),
    (
        "training",
        "no se recalcula nada",
        "if torch.is_grad_enabled() else",
        "if not torch.is_grad_enabled() else",
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
