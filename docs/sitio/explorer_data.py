"""Los datos del explorador: el modelo y la gramática de los cuentos, en JavaScript.

`python docs/sitio/explorer_data.py` los escribe en docs/sitio/explorador/, y la página se abre sin más. No
se guardan en git, porque salen enteros del paquete: si cambian el modelo o la gramática, se vuelven a
escribir. Van en archivos .js y no en .json para que el navegador los lea también sin servidor.
"""

import base64
import json
import sys
import tomllib
from pathlib import Path

import torch

from gpt_course.command import BadInput, Parser, prepare_streams
from gpt_course.models import load_story_model
from gpt_course.stories.grammar import STORIES

PAGE = Path(__file__).parent / "explorador"


def story_model():
    """El modelo de los cuentos con sus pesos redondeados a 16 bits, y su tokenizador: los de la página."""
    model, tokenizer = load_story_model()
    return model.half().float(), tokenizer


def model_data():
    """El modelo, en tipos de JSON: configuración, palabras, tamaño de cada tensor y los pesos en base64."""
    model, tokenizer = story_model()
    state = model.state_dict()
    numbers = torch.cat([tensor.flatten() for tensor in state.values()]).half().numpy().astype("<f2")
    return {
        "config": model.cfg,
        "words": tokenizer.words,
        "sizes": [[name, tensor.numel()] for name, tensor in state.items()],
        "halves": base64.b64encode(numbers.tobytes()).decode(),
    }


def grammar_data():
    """La gramática tal como está escrita, en tipos de JSON."""
    return tomllib.loads(STORIES.read_text(encoding="utf-8"))


def write_data(folder):
    """Escribe en `folder` los dos archivos de datos que lee explorador.html."""
    for file, constant, data in (
        ("story_model.js", "STORY_MODEL", model_data()),
        ("story_rules.js", "STORY_RULES", grammar_data()),
    ):
        text = f"const {constant} = {json.dumps(data, ensure_ascii=False)};\n"
        (Path(folder) / file).write_text(text, encoding="utf-8", newline="\n")


def main(arguments):
    """Escribe los datos al lado de la página."""
    parser = Parser(
        "docs/sitio/explorer_data.py",
        "Escribe en docs/sitio/explorador/ los datos de la página: el modelo y la gramática de los cuentos.",
        "python docs/sitio/explorer_data.py",
    )
    parser.usage = "python docs/sitio/explorer_data.py"
    parser.read(arguments)
    try:
        write_data(PAGE)
    except OSError as error:
        raise BadInput(f"No se puede escribir en {PAGE}: {error.strerror}.") from error
    print(f"Escritos story_model.js y story_rules.js. Abre {PAGE / 'explorador.html'} en el navegador.")


if __name__ == "__main__":
    prepare_streams()
    try:
        main(sys.argv[1:])
    except BadInput as error:
        print(error, file=sys.stderr)
        sys.exit(2)
