"""Las órdenes del aula: `python3 curso.py progreso`, que es `python -m gpt_course.classroom progreso`."""

import importlib
import sys

from gpt_course.command import BadInput, prepare_streams

# Orden → el módulo de esta carpeta que la ejecuta, con `main(argumentos)`, y lo que hace.
COMMANDS = {
    "progreso": ("progress", "qué ejercicios llevas, lección por lección"),
    "diploma": ("diploma", "una página con las lecciones que has superado"),
    "paquete-alumno": ("package", "el curso para repartir: sin soluciones ni respuestas a la vista"),
    "diapositivas": ("slides", "las figuras y las frases de cada lección, para proyectar"),
    "corregir": ("grading.command", "las notas de los cuadernos que te entregan"),
    "examen": ("exam", "un examen para imprimir, con su clave, y lo mismo para Moodle"),
}


def main(arguments=None):
    """Ejecuta una orden; devuelve su código de salida: 0, 2 si algo no sirve o 130 si se interrumpe."""
    prepare_streams()
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    try:
        if name not in COMMANDS:
            raise BadInput(f"Se esperaba una de estas órdenes: {', '.join(COMMANDS)}; llegó {name!r}.")
        module = importlib.import_module(f"gpt_course.classroom.{COMMANDS[name][0]}")
        code = module.main(rest) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # quien leía se fue, como en `| head -1`
        sys.stdout = None
        return 0
    except (BadInput, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nInterrumpido: no se ha guardado nada a medias. Repite la orden cuando quieras.",
            file=sys.stderr,
        )
        return 130


def usage():
    """La ayuda: una línea por orden."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        ["Uso: python3 curso.py ORDEN [opciones]   (tras una orden, `--help` la explica)", "", *lines]
    )


if __name__ == "__main__":
    sys.exit(main())
