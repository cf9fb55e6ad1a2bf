"""Qué celdas hay que ejecutar para corregir: las de los ejercicios y las que definen lo que usan.

Así una lección que entrena un modelo se corrige en segundos, y lo que falle en otra celda no quita un punto.
"""

import ast
import re
import symtable
import threading

CHECK = re.compile(r"""^[ \t]*check\(\s*["']([^"'\n]+)["']""", flags=re.M)
TERMINAL = re.compile(r"^(\s*)[%!].*", flags=re.M)  # órdenes de *Jupyter*, que fuera de él no son Python
# Las entregas se reparten entre hilos, y con Python 3.11 dos que leen código a la vez se estorban: uno de los
# dos acaba en `SystemError: AST constructor recursion depth mismatch`.
READING = threading.Lock()
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def checks(code):
    """Los ejercicios que corrige una celda, en orden y sin repetir."""
    return list(dict.fromkeys(CHECK.findall(code)))


def plain(code):
    """El código de una celda sin lo que solo entiende *Jupyter*."""
    whole = code.startswith("%%") and not code.startswith("%%time")
    return "" if whole else TERMINAL.sub(r"\1pass", code)


def needed(codes, names):
    """Los números de las celdas que se ejecutan. codes: el código de cada una; `names`: los ejercicios."""
    chosen = {place for place, code in enumerate(codes) if set(checks(code)) & set(names)}
    with READING:
        uses = [_uses(plain(code)) for code in codes]
    imported = set().union(*(each[3] for each in uses))  # `torch.manual_seed(1)` no cambia `torch`
    for place in sorted(chosen):
        wanted = set(uses[place][0])
        for before in range(place - 1, -1, -1):
            reads, defines, changes, _ = uses[before]
            if wanted & (defines | changes - imported) or "*" in defines:
                chosen.add(before)
                wanted = (wanted - defines) | reads
    return sorted(chosen)


def _uses(code):
    """Los nombres que una celda necesita de antes, los que define, los que quizá cambia y los que importa."""
    reads, defines, changes, imports = set(), set(), set(), set()
    try:
        for statement in ast.parse(code).body:
            table = symtable.symtable(ast.unparse(statement), "<celda>", "exec")
            defined = _defined(statement)
            reads |= _read(table) - defines - (defined if not isinstance(statement, ast.Assign) else set())
            defines |= defined
            changes |= {name.get_name() for name in table.get_symbols() if name.is_assigned()}
            changes |= set().union(*map(_changed, ast.walk(statement)))
            imports |= defined if isinstance(statement, ast.Import | ast.ImportFrom) else set()
    except UNREADABLE:
        return set(), set(), set(), set()
    return reads, defines, changes, imports


def _read(table):
    """Los nombres del cuaderno que lee un trozo de código, también dentro de sus funciones."""
    top = table.get_type() == "module"
    found = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return found.union(*map(_read, table.get_children()))


def _defined(statement):
    """Los nombres que una instrucción define siempre, de nuevas."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    stored = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return {node.id for node in stored if isinstance(node.ctx, ast.Store)}


def _changed(node):
    """El nombre de lo que una instrucción cambia: `x[0] = 1`, `x += 1`, `lista.append(1)`, `x.zero_()`."""
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _root(node)
    if isinstance(node, ast.AugAssign):
        return _root(node.target)
    # Un método que se llama sin guardar lo que devuelve, o guardándolo en «_», cambia su objeto.
    alone = isinstance(node, ast.Expr) or (
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_"
    )
    if alone and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        return _root(node.value.func)
    in_place = (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_")
    )
    return _root(node.func) if in_place else set()


def _root(node):
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
