"""Un examen para imprimir, su clave y, si se pide, lo mismo para Moodle: `python3 curso.py examen`.

La semilla decide qué preguntas salen y en qué orden van las opciones, igual en cualquier equipo: se ordena
por la huella SHA-256 de la semilla y el id, sin generadores que cambien de una versión de Python a otra.
"""

import dataclasses
import hashlib
import os
import shlex
from pathlib import Path

from gpt_course.classroom import moodle, paper
from gpt_course.classroom.questions import bank
from gpt_course.classroom.selection import select
from gpt_course.command import BadInput, Parser, to_number

FOLDER = "examenes"  # git no la guarda: dentro hay claves
EXAMPLE = "python3 curso.py examen --lecciones 03-06 --preguntas 20 --semilla grupo-a"


def main(arguments):
    """Escribe el examen y su clave y dice dónde. Errores: `BadInput`, con una frase."""
    options = read_options(arguments)
    count = to_number("preguntas", options.preguntas, int)
    try:
        questions = bank(options.lecciones and [lesson.number for lesson in select(options.lecciones)])
    except ValueError as error:
        raise BadInput(str(error)) from None
    exam = draw(questions, count, options.semilla)
    name = fingerprint(options.semilla, *(question.id for question in exam))[:6]
    again = f"--lecciones {','.join(questions)} --preguntas {count} --semilla {shlex.quote(options.semilla)}"
    files = {f"examen-{name}.html": paper.sheet(exam, name)}
    files[f"clave-{name}.html"] = paper.key(exam, name, f"python3 curso.py examen {again}")
    if options.moodle:
        files[f"moodle-{name}.xml"] = moodle.write(exam)
    for path in save(files, Path(options.out)):
        print(f"Escrito {path}")


def read_options(arguments):
    """Las opciones de la terminal."""
    parser = Parser("curso.py examen", "Escribe un examen para imprimir, y su clave.", EXAMPLE)
    parser.add("--lecciones", help="de cuáles, como 03-06 o 00,03-06 (de serie, todas)")
    parser.add("--preguntas", default="20", help="cuántas, repartidas entre las lecciones (de serie, 20)")
    parser.add("--semilla", default="1", help="un texto: con otro, sale otro examen (de serie, 1)")
    parser.add("--out", default=FOLDER, help=f"la carpeta en que se escribe (de serie, `{FOLDER}`)")
    parser.add("--moodle", action="store_true", help="escribe además el XML que importa Moodle")
    return parser.read(arguments)


def draw(questions, count, seed):
    """`count` preguntas de {lección: preguntas}, repartidas por igual si se puede, y barajadas."""
    available = sum(map(len, questions.values()))
    if not 1 <= count <= available:
        raise BadInput(
            f"`--preguntas` debe ser de 1 a {available}, las que hay de esas lecciones; llegó {count}."
        )
    decks = [sorted(deck, key=lambda q: fingerprint(seed, q.id)) for deck in questions.values()]
    turns = [(turn, fingerprint(seed, q.id), q) for deck in decks for turn, q in enumerate(deck)]
    chosen = sorted(turns, key=lambda place: place[:2])[:count]
    return [shuffle(q, seed) for _, _, q in sorted(chosen, key=lambda place: (place[2].lesson, place[1]))]


def shuffle(question, seed):
    """La pregunta con sus opciones en el orden que dice la semilla."""
    order = sorted(range(len(question.choices)), key=lambda n: fingerprint(seed, question.id, str(n)))
    return dataclasses.replace(question, choices=tuple(question.choices[n] for n in order))


def fingerprint(*texts):
    """La huella de unos textos: cambia si cambia cualquiera de ellos."""
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def save(files, folder):
    """Escribe {nombre: texto} en una carpeta, cada archivo entero o nada. Devuelve las rutas."""
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            partial = folder / f".{name}.parcial"
            partial.write_text(text, encoding="utf-8", newline="\n")
            os.replace(partial, folder / name)
            paths.append(folder / name)
    except OSError as error:
        raise BadInput(
            f"`--out` espera una carpeta en la que se pueda escribir; llegó {str(folder)!r} "
            f"({error.strerror}). Elige otra."
        ) from None
    return paths
