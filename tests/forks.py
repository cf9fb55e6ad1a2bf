"""Pasar pruebas muchas veces: en copias de un proceso que ya tiene cargado lo que tarda en importarse.

Lo usan tests/mutants.py y tests/mutations.py, que cada vez cambian algo en una copia del curso.
"""

import contextlib
import functools
import gc
import importlib
import inspect
import os
import pickle
import shutil
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ["gpt_course", "tests", "conftest.py", "ajustes.py", "pyproject.toml"]
# Las pruebas de un módulo llevan su nombre (las de memory/plan, test_memory.py y test_memory_plan.py), salvo:
TESTS = {
    "model": ["test_model.py", "test_model_compiled.py"],
    "sampling": ["test_sampling.py", "test_generation.py"],
    "memory/units": ["test_memory_report.py"],
    **{f"memory/{name}": [f"test_memory_{name}.py"] for name in ("advice", "ledger", "report")},
    "memory/__main__": ["test_memory_report.py"],
    **{f"data/{name}": ["test_data_cli.py"] for name in ("reading", "tokens", "writing", "__main__")},
    "training/trainer": ["test_training_run.py"],
    **{f"training/{name}": [f"test_training_{name}.py"] for name in ("checkpoints", "schedule")},
    **{name: ["test_weights.py", "test_weights_saving.py"] for name in ("weights/source", "weights/names")},
    "weights/loading": ["test_weights.py", "test_weights_saving.py", "test_models.py"],
    "weights/saving": ["test_weights.py", "test_weights_saving.py", "test_weights_llama.py"],
    **{f"weights/{name}": ["test_weights_saving.py"] for name in ("exact", "swap")},
    **{f"weights/llama{part}": ["test_weights_llama.py"] for part in ("", "_config", "_names")},
    **{f"weights/{name}": ["test_weights_llama.py", "test_weights.py"] for name in ("shards", "skeleton")},
    "weights/course": ["test_models.py"],
}
SLOW_IMPORTS = [
    *("torch", "transformers.models.gpt2.modeling_gpt2", "hypothesis", "pytest", "tiktoken", "tokenizers"),
    "matplotlib",  # la pide tests/conftest.py: sin él, casi todo el tiempo de cada mutante
    "torch._dynamo.testing",
    "torch._inductor.compile_fx",  # torch.compile, aunque no llegue a compilar: seis segundos
]
EXAMPLES = 20  # de hypothesis, como mucho
MEMORY = 12 * 2**30  # un mutante que pide más se da por muerto
UNKNOWN = 60  # segundos que se le suponen a una prueba que no se ha medido


class _Runner:
    """Complemento de pytest: las pruebas que `key` no deja en None, por su orden; la que se cuelga, muere.

    Mide lo que tarda cada una y, sin `key`, por qué funciones del paquete pasa.
    """

    def __init__(self, answer, seconds, key):
        self.answer, self.seconds, self.key = answer, seconds, key
        self.passes = {}

    def pytest_collection_modifyitems(self, items):
        if self.key:
            keys = {item: self.key(item.nodeid) for item in items}
            items[:] = sorted((item for item in items if keys[item] is not None), key=keys.get)

    def pytest_runtest_logstart(self, nodeid):
        self.start = _used()
        if self.key:  # la señal acaba con el proceso, aunque esté dentro de PyTorch
            signal.setitimer(signal.ITIMER_PROF, 3 + 5 * self.seconds.get(nodeid, UNKNOWN))
            signal.setitimer(signal.ITIMER_REAL, 60 + 20 * self.seconds.get(nodeid, UNKNOWN))
        else:
            self.passes[nodeid] = set()
            sys.settrace(functools.partial(self._note_call, self.passes[nodeid]))

    def _note_call(self, passes, frame, event, argument):
        code = frame.f_code
        if "gpt_course" in code.co_filename and code.co_flags & inspect.CO_OPTIMIZED:  # una función
            last = max(line or 0 for *_, line in code.co_lines())
            passes.add((code.co_filename, code.co_firstlineno, last))

    def pytest_runtest_logfinish(self, nodeid):
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
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

    Sin `key`, todas. Devuelve también lo que tarda cada una y, sin `key`, por dónde pasa.
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
    import resource  # no la hay en Windows, donde esto se importa y no se usa

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


@contextlib.contextmanager
def warm_copy():
    """Una copia del curso, para estropearla. Importa una vez lo que tarda; el paquete se lee de la copia."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "copia"
        copy.mkdir()
        for name in COPIED:
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
        _warm_up(copy)
        yield copy


def _warm_up(copy):
    os.environ.setdefault("OMP_NUM_THREADS", "1")
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


def run_clean(files, key=None):
    """Como `run_tests`, con todo en su sitio: ninguna debe fallar. De paso, todo queda compilado."""
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = False, ""
    failed, seconds, passes = run_tests(files, key=key)
    if failed:
        sys.exit(f"Sin ningún cambio ya hay una prueba en rojo: {failed}")
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"  # ni rastro de un fallo
    return seconds, passes


def tests_of(copy, name):
    own = [f"test_{name.split('/')[0]}.py", f"test_{name.replace('/', '_')}.py"]
    files = dict.fromkeys(TESTS.get(name, own))
    return [f"tests/{file}" for file in files if (copy / "tests" / file).exists()]
