"""¿Qué fallo se les escapa a las pruebas, aunque nadie haya pensado en él?

Cambia un módulo en un solo lugar cada vez (los cambios los propone mutmut: `<` por `<=`, `+` por `-`, un
argumento de menos…), pasa sus pruebas y apunta los cambios que ninguna nota. Se ejecuta a mano, sin nada
más en marcha, y necesita Linux o macOS y `pip install mutmut`:

    python tests/mutants.py layers memory/plan

Un cambio que no puede notarse se apunta, con la razón, en `tests/mutants.toml`. Sale con un código distinto
de 0 si sobrevive algún otro, o si uno de los apuntados ya no existe o sí se nota.
"""

import difflib
import re
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import libcst as cst
from forks import run_clean, run_tests, tests_of, warm_copy
from mutmut.mutation import mutators

EQUIVALENT = Path(__file__).with_suffix(".toml")
LONG = 0.25  # segundos de procesador


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
    with warm_copy() as copy:
        measured = run_clean(sorted({file for name in names for file in tests_of(copy, name)}))
        return max([check_module(copy, name, equivalent.get(name, []), *measured) for name in names])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
