"""La cuenta contada: unidades, tabla y la orden de la terminal."""

import json
import math
import os
import re
import subprocess
import sys
import time

import pytest

from gpt_course.config import GPT2_CONFIGS
from gpt_course.memory import (
    Plan,
    flops,
    inference_peak,
    kv_cache,
    parse_size,
    state,
    to_unit,
    training_flops,
    training_peak,
    weights_file,
)
from gpt_course.memory.__main__ import BadInput, main, make_plan, read
from gpt_course.memory.advice import with_margin
from gpt_course.memory.report import LABELS, summary, table

GIB = 2**30
PLAIN = {**GPT2_CONFIGS["gpt2"], "drop_rate": 0.0}


def ask(capsys, *arguments):
    """Código de salida y lo que imprime la orden en cada salida."""
    code = main(list(arguments))
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("unit", "value"), [("B", 652_038_144), ("MB", 652.038144), ("MiB", 621.83203125), ("GB", 0.652038144)]
)
def test_each_unit_has_its_name(unit, value):
    assert to_unit(163_009_536 * 4, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8 * GIB),
        ("8 GiB", 8 * GIB),
        ("16GB", 16 * 10**9),
        ("1,5 KiB", 1536),
        ("1.5kB", 1500),
        ("7B", 7),
        ("1B", 1),
        ("2TiB", 2 * 2**40),
        ("3TB", 3 * 10**12),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "8",
        "8 gigas",
        "GiB",
        "-1GiB",
        "0GiB",
        "8gb",
        "",
        "1e3MB",
        None,
        8,
        "1,000MiB",
        "1.024 GiB",
        "9" * 400 + "GiB",
    ],
)
def test_other_sizes_are_refused(text):
    with pytest.raises(ValueError, match=r"como 8GiB, 7.5GiB o 16GB, sin separador de millares; llegó"):
        parse_size(text)


def test_a_unit_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="La unidad debe ser una de B, kB"):
        to_unit(1, "Mb")


def test_the_example_of_the_course(capsys):
    options = "--model gpt2-xl --batch 8 --seq 1024 --dtype bf16 --optimizer adamw --ram 8GiB"
    code, out, err = ask(capsys, *options.split())
    plan = Plan(GPT2_CONFIGS["gpt2-xl"], batch=8, seq=1024, dtype="bf16")
    assert (code, err) == (0, "")
    assert out.startswith(
        "gpt2-xl: 1,557,611,200 parámetros, una matriz compartida\nB = 8, T = 1024 · bf16 · adamw"
    )
    for size in (*state(plan).values(), training_peak(plan), inference_peak(plan), kv_cache(plan)):
        assert size == 0 or re.search(rf" {size:,} ", out), size
    assert f" {weights_file(plan):,} " in out
    assert "Entrenar: no cabe en 8.00 GiB; el pico es de 103.82 GiB" in out
    assert "Generar: cabe en 8.00 GiB" in out


@pytest.mark.parametrize(
    ("name", "total", "cache"),
    [("llama-3.2-1b", 1_235_814_400, 2**15), ("qwen3-0.6b", 596_049_920, 7 * 2**14)],
)
def test_the_models_of_today(capsys, name, total, cache):
    _, out, err = ask(capsys, *f"--model {name} --seq 512 --dtype bf16 --ram 8GiB".split())
    lines = [re.split(r"  +", line) for line in out.splitlines()]
    assert err == "" and lines[0] == [f"{name}: {total:,} parámetros, una matriz compartida"]
    assert "incrustación de posiciones" not in out
    assert f"{2 * total:,}" in next(words for words in lines if words[0] == "pesos")
    assert f"{512 * cache:,}" in next(words for words in lines if words[0] == "caché KV")


def test_every_line_fits_the_screen_and_says_its_unit():
    text = table(Plan(GPT2_CONFIGS["gpt2-xl"], batch=64, accumulation=8, checkpointing=True), "gpt2-xl")
    assert max(len(line) for line in text.splitlines()) <= 110
    assert text.count("bytes           MiB            MB") == 4
    assert "recomputación · 8 lotes acumulados" in text


def test_every_key_of_the_summary_has_its_name_in_spanish():
    found = summary(Plan(GPT2_CONFIGS["gpt2"], dtype="mixed", checkpointing=True))
    sizes = ("parameters", "training_bytes", "activation_bytes", "inference_bytes", "forward_flops")
    sizes += ("training_timeline_bytes",)
    assert {key for section in sizes for key in found[section]} - {"total"} <= set(LABELS)


def test_labels_are_read_inside_a_sentence_and_none_is_repeated():
    """En minúscula, salvo las siglas; con dos iguales, una partida taparía a la otra."""
    assert [label for label in LABELS.values() if label != label.lower()] == ["caché KV"]
    assert len(set(LABELS.values())) == len(LABELS)


@pytest.mark.parametrize(
    ("ram", "fits", "advised"),
    [
        (lambda plan: math.ceil(with_margin(training_peak(plan))), [True, True], []),
        (lambda plan: math.ceil(with_margin(training_peak(plan))) - 1, [True, True], ["training"]),
        (training_peak, [True, True], ["training"]),  # el límite justo
        (lambda plan: training_peak(plan) - 1, [False, True], ["training"]),
        (inference_peak, [False, True], ["training", "inference"]),
        (lambda plan: inference_peak(plan) - 1, [False, False], ["training", "inference"]),
    ],
    ids=["cabe", "sin margen", "cabe justo", "no entrena", "genera justo", "no genera"],
)
def test_the_json_is_the_summary(capsys, ram, fits, advised):
    plan = Plan(GPT2_CONFIGS["gpt2"], seq=256)
    code, out, _ = ask(capsys, "--json", "--ram", f"{ram(plan)}B", "--seq", "256")
    found = json.loads(out)
    assert code == 0
    assert found["training_peak_bytes"] == training_peak(plan)
    assert list(found["fits"].values()) == fits
    assert list(found["advice"]) == advised
    assert found["config"] == GPT2_CONFIGS["gpt2"]
    assert json.loads(json.dumps(summary(plan))) == {
        key: value for key, value in found.items() if key not in ("model", "ram_bytes", "fits", "advice")
    }


def test_options_override_every_field(capsys):
    options = (
        "--vocab-size 100 --context-length 64 --emb-dim 48 --n-heads 4 --n-layers 2 --drop-rate 0.5 "
        "--no-qkv-bias --no-tie-weights --batch 3 --seq 32 --optimizer momentum --dtype mixed "
        "--checkpointing --accumulation 2"
    )
    _, out, _ = ask(capsys, "--json", *options.split())
    found = json.loads(out)
    assert list(found["config"].values()) == [100, 64, 48, 4, 2, 0.5, False, False]
    assert list(found["plan"].values()) == [3, 32, "mixed", "momentum", False, True, 2]


@pytest.mark.parametrize(("attention", "explicit"), [("sdpa", False), ("explicit", True)])
def test_the_attention_is_chosen(capsys, attention, explicit):
    _, out, _ = ask(capsys, "--json", "--drop-rate", "0", "--attention", attention)
    assert json.loads(out)["plan"]["explicit"] is explicit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--model gpt3", "`--model` debe ser uno de gpt2, gpt2-medium"),
        ("--batch cien", "`--batch` debe ser un entero de 1 a 100000000; llegó 'cien'"),
        ("--batch 0", "`--batch` debe ser un entero de 1 a 100000000; llegó '0'"),
        ("--batch 1.5", "`--batch` debe ser un entero"),
        ("--batch " + "9" * 400, "`--batch` debe ser un entero de 1"),
        ("--n-layers 100000", "`--n-layers` debe ser un entero de 1 a 10000"),
        ("--emb-dim -5", "`--emb-dim` debe ser un entero de 1"),
        ("--batch", "No se entiende --batch"),
        ("--json=3", "No se entiende --json"),
        ("--seq 2000", "`seq` debe ser como mucho context_length, 1024; llegó 2000"),
        ("--dtype fp8", "dtype debe ser uno de fp32, bf16, mixed"),
        ("--optimizer adam", "optimizer debe ser uno de sgd"),
        ("--n-heads 7", "emb_dim debe ser múltiplo de n_heads"),
        ("--drop-rate 1", "drop_rate debe ser un número del intervalo [0, 1)"),
        ("--drop-rate nan", "drop_rate debe ser un número del intervalo [0, 1)"),
        ("--drop-rate mucho", "`--drop-rate` debe ser un número del intervalo"),
        ("--attention flash", "`--attention` debe ser `sdpa` o `explicit`; llegó 'flash'"),
        ("--attention sdpa", "añade `--drop-rate 0`"),
        ("--ram 8", "`--ram` no se entiende. Se esperaba una cantidad con su unidad, como 8GiB"),
        ("--ram=", "llegó ''. Las unidades son B, kB"),
        ("--modelo gpt2", "No existe la opción '--modelo'"),
        ("--mod gpt2", "No existe la opción '--mod'"),
        ("gpt2", "No existe la opción 'gpt2'"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(capsys, options, message):
    code, out, err = ask(capsys, *options.split())
    assert (code, out) == (2, "")
    assert err.startswith("Error: ") and message in err and err.count("\n") == 1


def test_the_command_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "gpt_course.memory", "--batch", "x"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: `--batch`")


HELP = {
    "-h, --help": "muestra esta ayuda",
    "--model": "uno de gpt2, gpt2-medium, gpt2-large, gpt2-xl, cuentos, llama-3.2-1b, qwen3-0.6b "
    "(de serie, gpt2)",
    "--batch": "frases por lote, B (de serie, 1)",
    "--seq": "tokens por frase, T (de serie, context_length)",
    "--dtype": "uno de fp32, bf16, mixed (de serie, fp32)",
    "--optimizer": "uno de sgd, momentum, adamw (de serie, `adamw`)",
    "--attention": "`sdpa` o `explicit`; con dropout es siempre `explicit`",
    "--accumulation": "lotes por paso del optimizador (de serie, 1)",
    "--checkpointing": "calcula otra vez los bloques al ir hacia atrás",
    "--vocab-size": "cambia vocab_size",
    "--context-length": "cambia context_length",
    "--emb-dim": "cambia emb_dim",
    "--n-heads": "cambia n_heads",
    "--n-layers": "cambia n_layers",
    "--drop-rate": "cambia drop_rate",
    "--qkv-bias, --no-qkv-bias": "cambia qkv_bias",
    "--tie-weights, --no-tie-weights": "cambia tie_weights",
    "--ram": "memoria del equipo, como 8GiB: dice si cabe y qué lo haría caber",
    "--json": "la cuenta como JSON, con los tamaños en bytes",
}


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_is_in_spanish(capsys, monkeypatch, option):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main([option])
    text = re.sub(
        r"\n {20,}", "   ", capsys.readouterr().out
    )  # una opción larga deja su ayuda para la siguiente
    use, about, title, *options = [line for line in text.splitlines() if line]
    assert (use, title) == ("Uso: python -m gpt_course.memory [opciones]", "Opciones:")
    assert about == "Predice la memoria y las operaciones de un GPT, sin crearlo."
    pieces = [re.match(r" *(-.*?)(?: [A-Z_]+)?   *(.*)", line).groups() for line in options]
    assert dict(pieces) == HELP


def test_what_comes_by_default(capsys):
    plain = json.loads(ask(capsys, "--json")[1])
    assert plain["model"] == "gpt2"
    assert plain["plan"] == summary(Plan(GPT2_CONFIGS["gpt2"]))["plan"]


def test_the_example_of_an_error_works(capsys):
    for wrong in ("--batch", "--nada"):
        example = re.search(r"Por ejemplo: python -m gpt_course\.memory (.*)\n", ask(capsys, wrong)[2])[1]
        code, out, _ = ask(capsys, *example.split())
        assert code == 0 and "B = 4, T = 512" in out and "en 8.00 GiB" in out


@pytest.mark.parametrize(
    ("option", "limit"), [("--batch", 10**8), ("--accumulation", 10**8), ("--n-layers", 10**4)]
)
def test_the_ends_of_each_interval_are_valid(option, limit):
    for value in (1, limit):
        assert make_plan(read([option, str(value)]))
    with pytest.raises(BadInput, match=f"un entero de 1 a {limit}; llegó '{limit + 1}'"):
        make_plan(read([option, str(limit + 1)]))


def test_the_json_can_be_read_by_a_person(capsys):
    size = ["--model", "gpt2-xl", "--batch", "8", "--dtype", "bf16", "--ram", "8GiB"]
    _, out, _ = ask(capsys, "--json", *size)
    assert out.startswith('{\n  "model": "gpt2-xl",\n') and "recomputación" in out


def test_the_table_counts_the_operations_by_piece():
    plan = Plan(GPT2_CONFIGS["gpt2"])
    text = table(plan, "gpt2")
    for count in (*flops(plan).values(), sum(flops(plan).values()), training_flops(plan)):
        assert f" {count:,}" in text


def test_a_thousand_blocks_are_answered_at_once(capsys):
    """La orden no recorre los bloques una y otra vez: solo para la cabecera del archivo de pesos."""
    seconds = time.process_time()
    code, out, _ = ask(capsys, "--n-layers", "1000", "--ram", "1GiB")
    assert code == 0 and "harían falta 29.86 GiB, con su margen" in out
    assert time.process_time() - seconds < 5  # del procesador; recorriéndolos eran 40


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "B = 1, T = 1024 · fp32 · adamw · dropout 0.1 · atención explícita"),
        ({"cfg": PLAIN}, "B = 1, T = 1024 · fp32 · adamw · dropout 0 · atención con SDPA"),
        (
            {"cfg": PLAIN, "explicit": True, "accumulation": 2, "batch": 3, "seq": 9},
            "B = 3, T = 9 · fp32 · adamw · dropout 0 · atención explícita · 2 lotes acumulados",
        ),
        (
            {"cfg": PLAIN, "checkpointing": True, "dtype": "mixed", "optimizer": "sgd"},
            "B = 1, T = 1024 · mixed · sgd · dropout 0 · atención con SDPA · recomputación",
        ),
    ],
)
def test_the_plan_is_told_in_a_line(fields, words):
    assert table(Plan(**{"cfg": GPT2_CONFIGS["gpt2"], **fields}), "x").splitlines()[1] == words


def test_columns_never_touch():
    text = table(Plan(GPT2_CONFIGS["gpt2-xl"], batch=10**8), "gpt2-xl")
    assert not re.search(r"\.\d\d\d", text)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "utf-8"])
@pytest.mark.parametrize("option", ["--help", "--seq=8", "--batch=x"])
def test_any_terminal_can_show_it(encoding, option):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "gpt_course.memory", option]
    done = subprocess.run(command, capture_output=True, env=environment)
    assert done.returncode == (2 if option == "--batch=x" else 0)
    assert b"Traceback" not in done.stderr and b"codec" not in done.stderr


def test_a_reader_that_leaves_is_no_error():
    command = [sys.executable, "-m", "gpt_course.memory"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_the_titles_of_the_table_and_its_columns():
    lines = [re.split(r"  +", line) for line in table(Plan(PLAIN, batch=1, seq=8), "gpt2").splitlines()]
    sizes = ["bytes", "MiB", "MB"]
    assert [words for words in lines if words[0].split(" ")[0].isupper() and words[0] != "B"][1:] == [
        ["PARÁMETROS", "cuántos"],
        ["ENTRENAR", *sizes],
        ["ACTIVACIONES", *sizes],
        ["GENERAR (con caché KV)", *sizes],
        ["ADEMÁS", *sizes],
        ["OPERACIONES", "FLOPs"],
    ]
    names = [words[0] for words in lines]
    assert names.count("") == 6 and names.count("pico") == 1 and "máscaras de dropout" not in names
    assert names[-2:] == ["la ida", "ida y vuelta de un lote"]
    assert summary(Plan(PLAIN))["kv_cache_bytes"] == kv_cache(Plan(PLAIN))
