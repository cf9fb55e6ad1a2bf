"""¿Qué fallo se les escapa a las pruebas, aunque nadie haya pensado en él?

Cambia un módulo en un solo lugar cada vez (los cambios los propone mutmut: `<` por `<=`, `+` por `-`, un
argumento de menos…), pasa sus pruebas y apunta los cambios que ninguna nota. Se ejecuta a mano, sin nada
más en marcha, y necesita Linux o macOS y `pip install mutmut`:

    python tests/mutants.py layers memory/plan

Un cambio que no puede notarse se apunta, con la razón, en `tests/mutants.toml`. Sale con un código distinto
de 0 si sobrevive algún otro, o si uno de los apuntados ya no existe o sí se nota.
"""

import contextlib
import difflib
import functools
import gc
import importlib
import inspect
import os
import pickle
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

import libcst as cst
from mutmut.mutation import mutators

ROOT = Path(__file__).parents[1]
COPIED = ["gpt_course", "tests", "conftest.py", "ajustes.py", "pyproject.toml"]
EQUIVALENT = Path(__file__).with_suffix(".toml")
# Las pruebas de un módulo llevan su nombre (las de memory/plan, test_memory.py y test_memory_plan.py), salvo:
TESTS = {
    "model": ["test_model.py", "test_model_compiled.py"],
    "sampling": ["test_sampling.py", "test_generation.py"],
    "memory/units": ["test_memory_report.py"],
    "memory/advice": ["test_memory_advice.py"],
    "memory/ledger": ["test_memory_ledger.py"],
    "memory/report": ["test_memory_report.py"],
    "memory/__main__": ["test_memory_report.py"],
    "weights/source": ["test_weights.py", "test_weights_saving.py"],
    "weights/loading": ["test_weights.py", "test_weights_saving.py", "test_models.py"],
    "weights/saving": ["test_weights.py", "test_weights_saving.py", "test_weights_llama.py"],
    "weights/names": ["test_weights.py", "test_weights_saving.py"],
    "weights/exact": ["test_weights_saving.py"],
    "weights/llama": ["test_weights_llama.py"],
    "weights/llama_config": ["test_weights_llama.py"],
    "weights/llama_names": ["test_weights_llama.py"],
    "weights/shards": ["test_weights_llama.py", "test_weights.py"],
    "weights/skeleton": ["test_weights_llama.py", "test_weights.py"],
    "weights/course": ["test_models.py"],
    "weights/swap": ["test_weights_saving.py"],
}
SLOW_IMPORTS = [
    "torch",
    "transformers.models.gpt2.modeling_gpt2",
    "hypothesis",
    "pytest",
    "tiktoken",
    "tokenizers",
    "matplotlib",  # la pide tests/conftest.py: sin él, casi todo el tiempo de cada mutante
    "torch._dynamo.testing",
    "torch._inductor.compile_fx",  # torch.compile, aunque no llegue a compilar: seis segundos
]
EXAMPLES = 20  # de hypothesis, como mucho
LONG = 0.25  # segundos de procesador
MEMORY = 12 * 2**30  # un mutante que pide más se da por muerto


# Cinco clases de fallo que mutmut no hace y se ven en el campo.
def _returns_nothing(node):
    if node.value is not None:
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


def _statement_removed(node):
    expression = node.body[0].value if isinstance(node.body[0], cst.Expr) else None
    if isinstance(expression, (cst.Call, cst.Yield)):
        yield node.with_changes(body=[cst.Pass()])


def _decorators_removed(node):
    if node.decorators:
        yield node.with_changes(decorators=[], lines_after_decorators=[])


def _catches_nothing(node):
    yield node.with_changes(
        type=cst.Name("ZeroDivisionError"), whitespace_after_except=cst.SimpleWhitespace(" ")
    )


def _one_string(node):  # de los tres cambios de mutmut, el de mayúsculas: el que más se nota
    yield from list(mutators.operator_string(node))[-1:]


OPERATORS = [
    *((kind, operator) for kind, operator in mutators.mutation_operators if kind is not cst.BaseString),
    (cst.BaseString, _one_string),
    ((cst.If, cst.CompIf), mutators.operator_if_exp),
    (cst.Return, _returns_nothing),
    (cst.SimpleStatementLine, _statement_removed),
    (cst.FunctionDef, _decorators_removed),
    (cst.ExceptHandler, _catches_nothing),
]


def _is_text(node):
    """Lo que no se toca: documentación, mensajes, anotaciones de tipo e importaciones."""
    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Name) and node.func.value in {"print", "len", "isinstance"}
    if isinstance(node, cst.Arg):
        return node.keyword is not None and node.keyword.value in {"help", "description", "epilog"}
    if isinstance(node, cst.SimpleString):
        return re.search(r" .*\.[\"']$", node.value, re.DOTALL)  # una frase
    return isinstance(node, (cst.Raise, cst.Annotation, cst.Import, cst.ImportFrom, cst.FormattedString))


class _Changes(cst.CSTVisitor):
    def __init__(self):
        super().__init__()
        self.found = []

    def on_visit(self, node):
        if _is_text(node):
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.found += [(node, changed) for changed in operator(node)]
        return True


def mutants(source):
    """Los mutantes de un código: [(línea, «antes → después», código)], sin repetir."""
    module, visitor = cst.parse_module(source), _Changes()
    module.visit(visitor)
    found = {}
    for node, changed in visitor.found:
        code = module.deep_replace(node, changed).code
        if code.splitlines() != source.splitlines():
            found.setdefault(code, (*_change(source, code), code))
    return list(found.values())


def _change(source, code):
    before, after = source.splitlines(), code.splitlines()
    edits = [
        edit
        for edit in difflib.SequenceMatcher(None, before, after, False).get_opcodes()
        if edit[0] != "equal"
    ]
    first, last = edits[0], edits[-1]
    texts = _text(before[first[1] : last[2]]), _text(after[first[3] : last[4]])
    return first[1] + 1, " → ".join(texts)


def _text(lines):
    return " ".join(re.sub(r"(^|\s+)# .*", "", line.strip()) for line in lines)


class _Runner:
    """Complemento de pytest: las pruebas que `key` no deja en None, por su orden; la que se cuelga, muere.

    Sin `key` mide: lo que tarda cada una y por qué funciones del paquete pasa.
    """

    def __init__(self, answer, seconds, key):
        self.answer, self.seconds, self.key = answer, seconds, key
        self.passes = {}

    def pytest_collection_modifyitems(self, items):
        if self.key:
            keys = {item: self.key(item.nodeid) for item in items}
            items[:] = sorted((item for item in items if keys[item] is not None), key=keys.get)

    def pytest_runtest_logstart(self, nodeid):
        if self.key:  # la señal acaba con el proceso, aunque esté dentro de PyTorch
            signal.setitimer(signal.ITIMER_PROF, 3 + 5 * self.seconds.get(nodeid, 0))
            signal.setitimer(signal.ITIMER_REAL, 60 + 20 * self.seconds.get(nodeid, 0))
        else:
            self.start, self.passes[nodeid] = _used(), set()
            sys.settrace(functools.partial(self._note_call, self.passes[nodeid]))

    def _note_call(self, passes, frame, event, argument):
        code = frame.f_code
        if "gpt_course" in code.co_filename and code.co_flags & inspect.CO_OPTIMIZED:  # una función
            last = max(line or 0 for *_, line in code.co_lines())
            passes.add((code.co_filename, code.co_firstlineno, last))

    def pytest_runtest_logfinish(self, nodeid):
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not self.key:
            sys.settrace(None)
            self.seconds[nodeid] = _used() - self.start

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.finish(report.nodeid)

    def pytest_collectreport(self, report):
        if report.failed:
            self.finish("al importar")

    def finish(self, failed):
        """Contesta y muere ya: pytest tarda en despedirse más que muchas pruebas en fallar."""
        pickle.dump((failed, self.seconds, self.passes), self.answer)
        self.answer.flush()
        os._exit(0)


def _used():
    return sum(os.times()[:4])  # segundos de procesador, también de los procesos que arranca


def run_tests(files, seconds=None, key=None):
    """Pasa en una copia de este proceso las pruebas que `key` elige: la primera que falla, o None.

    Sin `key`, todas; y devuelve también lo que tarda cada una y por dónde pasa.
    """
    with tempfile.TemporaryFile() as answer:  # en una tubería no caben los nombres de muchas pruebas
        pid = os.fork()
        if pid == 0:
            os.setsid()
            _child(files, _Runner(answer, seconds or {}, key))
        try:
            _, status = os.waitpid(pid, 0)
        finally:  # también los procesos que una prueba haya dejado atrás
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        answer.seek(0)
        try:
            return pickle.load(answer)
        except EOFError:  # murió sin contestar: se colgó o pidió demasiada memoria
            return f"muere ({status})", {}, {}


def _child(files, runner):
    import pytest

    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    gc.disable()  # recorrer lo que se importa cuesta tanto como importarlo
    if runner.key:
        signal.setitimer(signal.ITIMER_PROF, 60)  # por si se cuelga al importar
    options = ["-q", "--no-header", "--tb=no", "--basetemp=../basetemp", "-o", "addopts="]
    plugins = (f"-pno:{name}" for name in ("cacheprovider", "unraisableexception", "threadexception"))
    code = pytest.main([*options, *plugins, *files], plugins=[runner])
    runner.finish(None if code in (0, 5) else f"pytest terminó con {int(code)}")  # 5: ninguna elegida


def _shorten(hypothesis):
    """Pocos ejemplos, siempre los mismos, y sin buscar el más pequeño que falla."""
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    quick = {"derandomize": True, "database": None, "deadline": None, "phases": phases}
    create = hypothesis.settings.__init__

    def create_shorter(self, *args, **options):
        create(
            self, *args, **options | {"max_examples": min(EXAMPLES, options.get("max_examples", EXAMPLES))}
        )

    hypothesis.settings.__init__ = create_shorter
    hypothesis.settings.register_profile("mutants", **quick)
    hypothesis.settings.load_profile("mutants")


def warm_up(copy):
    """Importa una vez lo que tarda, y que las copias del proceso lean el paquete de `copy`."""
    for module in SLOW_IMPORTS:
        importlib.import_module(module)
    _shorten(sys.modules["hypothesis"])
    os.chdir(copy)
    sys.path[:] = [
        str(copy),
        *(path for path in sys.path if Path(path or ".").resolve() not in (ROOT, ROOT / "tests")),
    ]
    os.environ |= {"PYTHONPATH": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    gc.freeze()  # que el recolector de cada copia no toque, y así duplique, la memoria de este proceso


def tests_of(copy, name):
    own = [f"test_{name.split('/')[0]}.py", f"test_{name.replace('/', '_')}.py"]
    files = dict.fromkeys(TESTS.get(name, own))
    return [f"tests/{file}" for file in files if (copy / "tests" / file).exists()]


def measure(files):
    """Lo que tarda cada prueba y por dónde pasa, en limpio; de paso, todo queda compilado."""
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = False, ""
    failed, seconds, passes = run_tests(files)
    if failed:
        sys.exit(f"Sin ningún cambio ya hay una prueba en rojo: {failed}")
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"  # ni rastro de un mutante
    return seconds, passes


def check_module(copy, name, equivalent, seconds, passes):
    path = copy / "gpt_course" / f"{name}.py"
    source = path.read_text(encoding="utf-8")
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*"):
        cached.unlink()
    start, found, killers = time.perf_counter(), mutants(source), Counter()
    print(f"{name}: {len(found)} mutantes", flush=True)
    survivors = found
    for close in (True, False):  # antes, las pruebas cortas que pasan por ahí; a lo que quede, las demás
        candidates, survivors = survivors, []
        for number, (line, change, code) in enumerate(candidates, 1):
            path.write_text(code, encoding="utf-8")
            near = {test for test in _passing(passes, str(path), line) if seconds[test] < LONG}

            def key(test, near=near, close=close):  # antes, la que más nota y la más corta
                return seconds[test] / (1 + 10 * killers[test]) if (test in near) is close else None

            killer = run_tests(tests_of(copy, name), seconds, key)[0]
            if killer:
                killers[killer] += 1
            else:
                survivors.append((line, change, code))
                if change not in equivalent:
                    print(f"  {name}.py:{line}  {change}", flush=True)
            if number % 20 == 0 or number == len(candidates):  # por si no acaba
                print(f"  {number} vistos y {number - len(survivors)} notados", flush=True)
    path.write_text(source, encoding="utf-8")
    changes, alive = ([change for _, change, _ in some] for some in (found, survivors))
    return report(name, changes, alive, equivalent, time.perf_counter() - start)


def _passing(passes, path, line):
    """Las pruebas que pasan por la función de esa línea; de lo que está fuera de las funciones, todas."""
    return {
        test
        for test, covered in passes.items()
        if any(file == path and first <= line <= last for file, first, last in covered)
    } or set(passes)


def report(name, changes, survivors, equivalent, seconds):
    for change in equivalent:
        if change not in changes:
            print(f"  {name}.py: apuntado y ya no existe: {change}")
        elif change not in survivors:
            print(f"  {name}.py: apuntado como equivalente y se nota: {change}")
    alive = [change for change in survivors if change not in equivalent]
    same, killed = len(survivors) - len(alive), len(changes) - len(survivors)
    score = 100 * killed / max(1, len(changes) - same)
    print(
        f"{name}: {killed} notados, {same} equivalentes, {len(alive)} se escapan: {score:.1f} % en "
        f"{seconds / 60:.1f} min\n",
        flush=True,
    )
    return bool(alive) or not set(equivalent) <= set(survivors)


def main(names):
    equivalent = {}
    for entry in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalente"]:
        equivalent.setdefault(entry["modulo"], []).extend(entry["cambios"])
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "copia"
        copy.mkdir()
        for name in COPIED:
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
        warm_up(copy)
        measured = measure(sorted({file for name in names for file in tests_of(copy, name)}))
        return max([check_module(copy, name, equivalent.get(name, []), *measured) for name in names])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
