"""`python3 curso.py progreso`: qué ejercicios de esta copia llevas, según lo que `check` ha apuntado."""

from gpt_course.command import BadInput, Parser
from gpt_course.exercises import record
from gpt_course.exercises.progress import Progress

EXAMPLE = "python3 curso.py progreso --leccion 03"


def main(arguments):
    parser = Parser("curso.py progreso", "Dice qué ejercicios llevas en esta copia del curso.", EXAMPLE)
    parser.add(
        "--leccion", metavar="NN", help="solo esa, con los intentos y la última pista de cada ejercicio"
    )
    options = parser.read(arguments)
    try:
        found = Progress(record.read(record.ROOT / record.FILE), options.leccion)
    except ValueError as error:
        raise BadInput(str(error)) from None
    print(found)
    print(f"\nEstá apuntado en {record.FILE}, en la carpeta del curso; si lo borras, empiezas de nuevo.")
