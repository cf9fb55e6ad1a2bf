"""Lo común a las órdenes: opciones en español, y una frase cuando algo no sirve."""

import io
import sys

import pytest

from gpt_course.command import BadInput, Parser, prepare_streams


def parser():
    made = Parser("gpt_course.cosa", "Hace una cosa.", "python -m gpt_course.cosa --veces 3")
    made.add("--veces", default="1", help="cuántas")
    return made


def test_options_are_read():
    assert parser().read(["--veces", "3"]).veces == "3"
    assert parser().read([]).veces == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vueltas", "3"], r"No existe la opción '--vueltas'\. Míralas con `--help`"),
        (["--vece", "3"], "No existe la opción '--vece'"),  # sin abreviaturas
        (["suelto"], "No existe la opción 'suelto'"),
        (["--veces"], "No se entiende --veces: le falta su valor"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_an_example(arguments, message):
    with pytest.raises(BadInput, match=message) as caught:
        parser().read(arguments)
    assert str(caught.value).endswith("Por ejemplo: python -m gpt_course.cosa --veces 3")


def test_help_is_in_spanish(capsys):
    with pytest.raises(SystemExit) as caught:
        parser().read(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Uso: python -m gpt_course.cosa [opciones]") and "muestra esta ayuda" in shown


def test_a_terminal_without_accents_is_no_error(monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    prepare_streams()
    for stream in streams:
        stream.write("más")
        stream.flush()
        assert stream.buffer.getvalue() == b"m?s"
