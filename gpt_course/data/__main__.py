"""De textos a tokens en la terminal: `python -m gpt_course.data libro.txt --tokenizer gpt2 --out tokens/`."""

import re
import sys
from pathlib import Path

from gpt_course.command import BadInput, Parser, prepare_streams
from gpt_course.data.writing import check_new_folder, train_on_sample, write_tokens
from gpt_course.tokenizer import load_gpt2_tokenizer

_EXAMPLE = "`python -m gpt_course.data libro.txt --tokenizer gpt2 --out tokens`"


def main(arguments=None):
    """Escribe la carpeta; devuelve el código de salida: 0, 2 si algo falla o 130 si se interrumpe."""
    prepare_streams()
    try:
        options = read(arguments)
        check_new_folder(Path(options.out))  # antes de entrenar, que tarda
        tokenizer = make_tokenizer(options.tokenizer, options.files)
        info = write_tokens(options.files, tokenizer, options.out, progress=True)
    except (BadInput, ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "Interrumpido: no queda nada a medias. Para empezar otra vez, repite la orden.", file=sys.stderr
        )
        return 130
    print(summary(info, options.out))
    return 0


def read(arguments):
    """Las opciones de la terminal. Errores: `BadInput`, con una frase."""
    parser = Parser("gpt_course.data archivo…", "Convierte textos UTF-8 en una carpeta de tokens.", _EXAMPLE)
    parser.add("files", nargs="*", metavar="archivo", help="los textos, en su orden")
    parser.add(
        "--tokenizer", default="gpt2", help="`gpt2`, o cuántos tokens tendrá uno nuevo (de serie, gpt2)"
    )
    parser.add("--out", help="la carpeta nueva en que se guardan")
    options = parser.read(arguments)
    if not options.files:
        raise BadInput(f"Faltan los archivos de texto. Por ejemplo: {_EXAMPLE}")
    if not options.out:
        raise BadInput(f"Falta `--out`, la carpeta nueva en que se guardan. Por ejemplo: {_EXAMPLE}")
    number = re.fullmatch("[0-9]{3,6}", options.tokenizer)
    if options.tokenizer != "gpt2" and (not number or int(options.tokenizer) < 257):
        raise BadInput(
            "`--tokenizer` debe ser gpt2 o cuántos tokens tendrá uno nuevo, de 257 a 999999; llegó "
            f"{options.tokenizer!r}."
        )
    return options


def make_tokenizer(wanted, files):
    """El de GPT-2, o uno entrenado con una muestra de los archivos."""
    if wanted == "gpt2":
        return load_gpt2_tokenizer()
    print(f"Entrenando un tokenizador de {wanted} tokens…", file=sys.stderr)
    return train_on_sample(files, int(wanted))


def summary(info, out):
    """Lo que se cuenta al acabar."""
    each = info["bytes"] / info["count"]
    return (
        f"{info['bytes']:,} bytes son {info['count']:,} tokens, a {each:.2f} bytes por token, de un "
        f"vocabulario de {info['vocab_size']:,}. Están en {out}."
    )


if __name__ == "__main__":
    sys.exit(main())
