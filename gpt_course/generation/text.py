"""De un texto a otro más largo, según sale."""

import codecs

import torch

from gpt_course.generation.loop import stream
from gpt_course.stories import StoryTokenizer
from gpt_course.tokenizer import encode_special


def stream_text(model, tokenizer, prompt="", max_new_tokens=200, **options):
    """Da, según se escribe, el texto con que el modelo continúa `prompt`: un iterador de cadenas.

    Para en `max_new_tokens` o en <|endoftext|>, o lo que acabe un texto en ese tokenizador, que no se da.
    Nunca da media letra: los bytes de una cortada esperan a los que faltan (si no llegan, sale �). Las
    opciones son las de `stream`.
    Errores: los de `prompt_ids` y los de `stream`.
    """
    ids = torch.tensor([prompt_ids(tokenizer, prompt)], device=model.final_norm.scale.device)  # (1, T)
    tokens = stream(model, ids, max_new_tokens, eos_id=tokenizer.eot_token, **options)
    return _decoded(tokens, tokenizer)


def prompt_ids(tokenizer, prompt):
    """Los números con que se empieza a escribir.

    Un cuento empieza detrás de <|endoftext|>, y también cualquier texto del que no se dice nada. En `prompt`,
    <|endoftext|> es el token especial. Un tokenizador de Hugging Face tiene los suyos.
    Errores: `ValueError` si el tokenizador no tiene alguna palabra, y dice cuál, o si no hay con qué empezar.
    """
    is_story = isinstance(tokenizer, StoryTokenizer)
    ids = encode_special(tokenizer, prompt.rstrip(" ") if is_story else prompt)
    if ids and not is_story:
        return ids
    begin = getattr(tokenizer, "begin", None)
    begin = tokenizer.eot_token if begin is None else begin
    if begin is None:
        raise ValueError("Este tokenizador no dice con qué token empieza un texto: escribe cómo empieza.")
    return [begin, *ids]


def _decoded(tokens, tokenizer):
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    ends = getattr(tokenizer, "ends", [tokenizer.eot_token])  # Llama acaba un texto de varias maneras
    for token in tokens:
        if token.item() in ends:
            break
        if text := decoder.decode(_bytes_of(token.item(), tokenizer)):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def _bytes_of(token, tokenizer):
    if isinstance(tokenizer, StoryTokenizer):
        return tokenizer.decode([token]).encode()
    return tokenizer.decode_bytes([token])
