"""La orden de entrenar: lo que escribe y, si algo no sirve, una frase y el código 2."""

import json
import signal

import pytest
from training_runs import TINY

from gpt_course.models import load_model
from gpt_course.training import __main__ as terminal
from gpt_course.training import trainer
from gpt_course.training.__main__ import main
from gpt_course.training.log import read_log
from gpt_course.training.settings import Settings


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "pequeño.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return str(path)


def options(out, config, *more):
    small = ["--config", config, "--steps", "4", "--batch", "2", "--eval-every", "2", "--eval-batches", "1"]
    return ["--data", "cuentos", "--out", str(out), *small, *more]


def failure(capsys, *arguments):
    """La frase con que acaba una orden que no sirve."""
    assert main(list(map(str, arguments))) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and err.count("\n") == 1 and "Traceback" not in err
    return err


def test_it_trains_and_says_what_it_got(tmp_path, config, capsys):
    out, figure = tmp_path / "corrida", tmp_path / "curva.svg"
    assert main(options(out, config, "--lr", "0.01", "--tied", "--plot", str(figure))) == 0
    said, bar = capsys.readouterr()
    rows = read_log(out)
    assert f"Pérdida de validación: {rows[-1]['validation']:.4f} nats por token" in said
    assert f"{rows[-1]['bits_per_byte']:.4f} bits por byte" in said and f"El modelo está en {out}." in said
    assert f"pierde {rows[0]['floor']:.4f} de media" in said
    assert "4/4" in bar and "tokens/s" in bar and "validación" in bar
    assert figure.read_text(encoding="utf-8").count("<svg") == 1
    model, tokenizer = load_model(out)
    assert model.tied and tokenizer.n_vocab == model.cfg["vocab_size"]


def test_resuming_needs_only_the_folder(tmp_path, config, capsys, monkeypatch):
    out = tmp_path / "corrida"
    with monkeypatch.context() as patch:
        advance = trainer.Trainer.advance

        def interrupted(self):
            if self.step == 2:
                signal.raise_signal(signal.SIGINT)
            return advance(self)

        patch.setattr(trainer.Trainer, "advance", interrupted)
        assert main(options(out, config)) == 130
    said = capsys.readouterr().err
    assert "Interrumpido en el paso 3 de 4. Está guardado: para seguir, repite la orden con --resume." in said
    assert main(["--out", str(out), "--resume"]) == 0
    assert "Se sigue desde el paso 3 de 4." in capsys.readouterr().err
    assert main([*options(tmp_path / "otra", config), "--resume"]) == 0  # no había: se empieza
    assert "no hay ninguna corrida que seguir" in capsys.readouterr().err
    one, other = (
        [{**row, "seconds": 0} for row in read_log(tmp_path / name)][1:] for name in ("corrida", "otra")
    )
    assert one == other


def test_the_options_are_the_settings():
    """Cada ajuste tiene su opción y, si se escribe, llega."""
    words = {"schedule": "wsd", "optimizer": "muon", "dtype": "bf16", "data": "relato", "config": "cuentos"}
    values = {name: "0.25" for name in terminal._DECIMAL} | {name: "7" for name in terminal._WHOLE} | words
    arguments = [word for name, value in values.items() for word in ("--" + name.replace("_", "-"), value)]
    settings = terminal.make_settings(terminal.read([*arguments, "--tied", "--out", "x"]))
    asked = {name: float(value) if name in terminal._DECIMAL else value for name, value in values.items()}
    asked |= {name: 7 for name in terminal._WHOLE} | {"tied": True}
    assert settings == Settings(**asked)
    assert {*asked} == {*settings.as_dict()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x"], "Falta `--data`"),
        (["--data", "cuentos"], "Falta `--out`"),
        (["--out", "x", "--data", "novela"], "llegó 'novela', que no existe"),
        (["--out", "x", "--data", "cuentos", "--batch", "0"], "batch debe ser un entero mayor o igual que 1"),
        (["--out", "x", "--data", "cuentos", "--batch", "dos"], "`--batch` debe ser un entero; llegó 'dos'"),
        (["--out", "x", "--data", "cuentos", "--lr", "nan"], "lr debe ser un número del intervalo"),
        (
            ["--out", "x", "--data", "cuentos", "--lr", "mucho"],
            "`--lr` debe ser un número, con punto decimal; llegó 'mucho'",
        ),
        (["--out", "x", "--data", "cuentos", "--clip", "-1"], "clip debe ser un número"),
        (["--out", "x", "--data", "cuentos", "--drop-rate", "1"], "drop_rate debe ser un número"),
        (["--out", "x", "--data", "cuentos", "--keep", "1"], "keep debe ser un entero mayor o igual que 2"),
        (["--out", "x", "--data", "cuentos", "--schedule", "lineal"], "schedule debe ser uno de cosine, wsd"),
        (["--out", "x", "--data", "cuentos", "--optimizer", "sgd"], "uno de adamw, muon; llegó 'sgd'"),
        (["--out", "x", "--data", "cuentos", "--dtype", "fp16"], "dtype debe ser uno de fp32, bf16"),
        (["--out", "x", "--data", "cuentos", "--context", "64"], "cada fila es un cuento entero"),
        (
            ["--out", "x", "--data", "relato", "--context", "2000"],
            "el `context_length` de la configuración, 1024",
        ),
        (
            ["--out", "x", "--data", "cuentos", "--steps", "5", "--warmup", "6"],
            "`warmup` debe ser como mucho",
        ),
        (["--out", "x", "--data", "cuentos", "--config", "gpt5"], "llegó 'gpt5', que no existe"),
        (
            ["--out", "x", "--data", "relato", "--config", "cuentos", "--context", "145"],
            "de la configuración, 144",
        ),
        (
            ["--out", "x", "--data", "cuentos", "--plot", "curva.pdf"],
            "`--plot` espera un archivo .svg o .png",
        ),
        (["--out", "x", "--data", "cuentos", "--plot", "no/hay/a.svg"], "una carpeta que exista"),
        (["--out", "x", "--data", "cuentos", "--pasos", "3"], "No existe la opción '--pasos'"),
        (["--out", "x", "--data", "cuentos", "--steps"], "No se entiende --steps"),
        (["--out", "x", "--data", "cuentos", "--seed", "-1"], "seed debe ser un entero mayor o igual que 0"),
    ],
)
def test_what_does_not_work_is_one_sentence(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in failure(capsys, *arguments)
    assert [path for path in tmp_path.rglob("*") if path.name[0] != "."] in ([], [tmp_path / "x"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no se puede leer"),
        ("[1]", "hay list y no un diccionario"),
        ('{"emb_dim": 8}', "Faltan: ['context_length'"),
        (json.dumps({**TINY, "ancho": 3}), "sobran: ['ancho']"),
        (json.dumps({**TINY, "vocab_size": 99}), "dice vocab_size = 99 y los datos tienen "),
        (json.dumps({**TINY, "context_length": 9}), "context_length es 9"),
        (json.dumps({**TINY, "n_heads": 3}), "emb_dim debe ser múltiplo de n_heads"),
    ],
)
def test_bad_configurations(text, message, capsys, tmp_path):
    path = tmp_path / "mala.json"
    path.write_text(text, encoding="utf-8")
    small = ["--batch", 2, "--eval-batches", 1]
    shown = failure(capsys, "--data", "cuentos", "--out", tmp_path / "x", "--config", path, *small)
    assert message in shown


def test_a_folder_that_cannot_be_made(capsys, tmp_path):
    (tmp_path / "archivo").write_text("")
    failure(capsys, "--data", "cuentos", "--out", tmp_path / "archivo")


def test_interrupted_before_starting(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "run", interrupted)
    assert main(["--data", "cuentos", "--out", "x"]) == 130
    assert "Interrumpido." in capsys.readouterr().err
