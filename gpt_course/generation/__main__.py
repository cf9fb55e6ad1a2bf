"""Escribir en la terminal: `python -m gpt_course.generation --model carpeta --prompt "Había una vez"`."""

import sys
from itertools import chain

import torch

from gpt_course.command import BadInput, Parser, prepare_streams, to_number
from gpt_course.generation.text import prompt_ids, stream_text
from gpt_course.models import load_model, load_story_model

_EXAMPLE = '`python -m gpt_course.generation --prompt "Había una vez" --seed 1`'


def main(arguments=None):
    """Escribe según elige; devuelve el código de salida: 0, 2 si algo falla o 130 si se interrumpe."""
    prepare_streams()
    try:
        options = read(arguments)
        model, tokenizer = load_model(options.model) if options.model else load_story_model()
        _warn_if_long(options.prompt, model, tokenizer)
        sampling = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p", "generator")}
        text = stream_text(model, tokenizer, options.prompt, options.max_tokens, **sampling)
        for part in chain([options.prompt], text, "\n"):
            print(part, end="", flush=True)
    except BrokenPipeError:  # quien leía se fue, como en `| head -1`
        sys.stdout = None
    except (BadInput, ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrumpido: el texto se queda a medias. Para otro, repite la orden.", file=sys.stderr)
        return 130
    return 0


def read(arguments):
    """Las opciones de la terminal, ya convertidas. Errores: `BadInput`, con una frase."""
    parser = Parser("gpt_course.generation", "Escribe con un GPT, según elige cada token.", _EXAMPLE)
    add = parser.add
    add(
        "--model",
        help="carpeta de `save_model` o de Hugging Face: GPT-2, Llama… (de serie, el de los cuentos)",
    )
    add("--prompt", default="", help="cómo empieza el texto (de serie, sin empezar)")
    add("--max-tokens", default="200", help="tokens que se escriben como mucho (de serie, 200)")
    add("--temperature", default="1", help="0 es siempre el más probable; 1 no cambia nada (de serie, 1)")
    add("--top-k", help="solo entre los k más probables")
    add("--top-p", help="solo entre los que suman esta probabilidad")
    add("--seed", help="semilla: con la misma sale el mismo texto (de serie, otra cada vez)")
    options = parser.read(arguments)
    for name in ("max_tokens", "top_k", "seed"):
        setattr(options, name, to_number(name, getattr(options, name), int))
    for name in ("temperature", "top_p"):
        setattr(options, name, to_number(name, getattr(options, name), float))
    options.generator = _generator(options)
    try:
        options.prompt.encode()
    except UnicodeEncodeError:
        raise BadInput("`--prompt` no es un texto UTF-8. Comprueba la codificación de la terminal.") from None
    return options


def _generator(options):
    """Quien sortea los tokens; con temperatura 0, nadie."""
    if options.seed is None:
        return None
    if options.temperature == 0:
        raise BadInput("Con `--temperature 0` se elige siempre el más probable: quita `--seed`.")
    if not 0 <= options.seed < 2**64:
        raise BadInput(f"`--seed` debe ser un entero de 0 a 2**64 - 1; llegó {options.seed}.")
    return torch.Generator().manual_seed(options.seed)


def _warn_if_long(prompt, model, tokenizer):
    count, longest = len(prompt_ids(tokenizer, prompt)), model.cfg["context_length"]
    if count > longest:
        print(
            f"Aviso: el comienzo tiene {count} tokens y el modelo solo lee los últimos {longest}.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
