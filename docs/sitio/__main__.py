"""Construye el curso como páginas de HTML: python docs/sitio (o python3 curso.py libro)."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

from gpt_course.command import BadInput, Parser, prepare_streams  # noqa: E402

PDF = "gpt_a_lapiz.pdf"


def read(arguments):
    """Las opciones escritas. Errores: `BadInput`."""
    parser = Parser(
        "docs/sitio",
        "Construye el curso como páginas de HTML con las salidas guardadas: no ejecuta nada ni usa la red.",
        "python3 curso.py libro --out mi_sitio",
    )
    parser.add(
        "--out", metavar="CARPETA", default=str(ROOT / "_site"), help="dónde se deja (por omisión, _site)"
    )
    parser.add("--pdf", action="store_true", help=f"añade {PDF}, el curso para imprimir")
    return parser.read(arguments)


def main(arguments):
    prepare_streams()
    # Con este paquete, nbformat tarda tres segundos más en cargarse, para comprobar unas direcciones de
    # internet que ningún cuaderno lleva.
    sys.modules.setdefault("rfc3987_syntax", None)
    try:
        options = read(arguments)
        try:
            from site_build import build
        except ImportError as error:
            raise BadInput(
                f"A este Python le falta el paquete «{error.name}». Usa «python3 curso.py libro», que lo "
                'instala, o hazlo tú: pip install -c constraints.txt -e ".[libro]"'
            ) from None
        target = Path(options.out).absolute()
        build(target, pdf=PDF if options.pdf else None)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"No se pudo escribir el libro: {error}. Lo que había sigue como estaba.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrumpido. Lo que había sigue como estaba.", file=sys.stderr)
        return 130
    print(f"El libro está en {target / 'index.html'}: ábrelo con el navegador.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
