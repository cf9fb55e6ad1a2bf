"""Un cuaderno para repartir: sin respuestas a la vista, con sitio para el nombre y quizá otros números."""

import ast
import copy
import re

from gpt_course.command import BadInput
from gpt_course.exercises.lessons import exercise_cells
from gpt_course.exercises.variants import reseeded, restated

# Una frase con un enlace a las soluciones, o que nombra su carpeta.
SOLUTIONS = re.compile(r" ?[^.\n]*(?:\]\(soluciones/[^)]*\)|`soluciones`)[^.\n]*\.")
LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([\w./-]+\.(?:ipynb|md))\)")
ROW = re.compile(r"^\| \[[^\]\n]+\]\(([\w.-]+\.ipynb)\) \|.*\n", flags=re.M)
HIDDEN = "outputs_hidden"  # así se guardan, plegadas, las respuestas de un «Predice»
NAME = (
    "**Nombre:** \n\n**Fecha:** \n\n*Paquete {label}. Escribe tu nombre y la fecha detrás de los dos puntos: "
    "haz doble clic aquí y, al acabar, pulsa Mayús+Intro.*"
)


def prepare(notebook, present, stamp, label, seed=None):
    """El cuaderno que se reparte. present: los archivos que van; stamp: lo que apunta para quien corrige.

    Errores: `BadInput` si un ejercicio ya está resuelto, porque se repartiría su respuesta.
    """
    notebook = copy.deepcopy(notebook)
    for name, statement, answer in list(exercise_cells(notebook["cells"])):
        _check_unsolved(name, answer)
        answer["outputs"], answer["execution_count"] = [], None
        if seed:
            answer["source"] = _lines(reseeded(name, _text(answer), seed))
            statement["source"] = _lines(restated(name, _text(statement), seed))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _lines(without_absent(_text(cell), present | {"indice.md", "glosario.md"}))
        elif cell["metadata"].get("jupyter", {}).pop(HIDDEN, False):
            cell["outputs"], cell["execution_count"] = [], None
            if not cell["metadata"]["jupyter"]:
                del cell["metadata"]["jupyter"]
    named = {
        "cell_type": "markdown",
        "id": "nombre",
        "metadata": {},
        "source": _lines(NAME.format(label=label)),
    }
    notebook["cells"].insert(1, named)
    notebook["metadata"]["gpt_course"] = stamp
    return notebook


def without_absent(text, present):
    """Un texto sin enlaces a las soluciones ni a lo que no va: de las lecciones queda el nombre."""
    text = ROW.sub(lambda row: row[0] if row[1] in present else "", SOLUTIONS.sub("", text))
    return LINK.sub(lambda link: link[0] if link[2] in present else link[1], text)


def _check_unsolved(name, cell):
    try:
        dots = any(isinstance(n, ast.Constant) and n.value is ... for n in ast.walk(ast.parse(_text(cell))))
    except SyntaxError:
        dots = False
    if not dots:
        raise BadInput(
            f"El ejercicio {name} está resuelto en esta copia y se repartiría su respuesta. Prepara el "
            "paquete desde una copia del curso recién descargada."
        )


def _text(cell):
    return "".join(cell["source"])


def _lines(text):
    return text.splitlines(keepends=True)
