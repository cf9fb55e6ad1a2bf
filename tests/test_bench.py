"""El banco de pruebas: que todos hagan el mismo trabajo, que se cuente bien y que un fallo no calle."""

import functools
import importlib.metadata
import json
import math

import pytest
import torch
from reference import tiny_model
from torch.nn import functional as F

from gpt_course.bench import __main__ as terminal
from gpt_course.bench import gpu, limits, rounds, stories, turn
from gpt_course.bench.contenders import CONTENDERS
from gpt_course.bench.limits import measure_limits
from gpt_course.bench.loops import HALVED, TRAINER
from gpt_course.bench.quality import rounding_quality
from gpt_course.bench.report import merged, rows
from gpt_course.bench.table import table, tables
from gpt_course.data import load_story
from gpt_course.generation import generate
from gpt_course.memory import Plan, training_flops
from gpt_course.model import GPTModel
from gpt_course.tokenizer import load_gpt2_tokenizer
from gpt_course.training import next_token_loss
from gpt_course.weights import save_gpt2
from gpt_course.weights.names import to_gpt2

CFG = {
    "vocab_size": 97,
    "context_length": 32,
    "emb_dim": 32,
    "n_heads": 4,
    "n_layers": 2,
    "drop_rate": 0.0,
    "qkv_bias": True,
    "tie_weights": True,
}
SIZES = {
    "read": {"read_long": (1, 16), "read_batch": (2, 8)},
    "write": {"write_one": (1, 4, 5), "write_batch": (3, 4, 5)},
    "train": (2, 8),
    "check": (2, 6),
    "quality": 16,
    "repeats": 2,
    "threads": 1,
}
HERE = list(rounds.installed())  # con «.[test]» están el curso y transformers


# --- Los contendientes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference():
    model = tiny_model(**CFG)
    torch.nn.init.zeros_(model.pos_emb.weight)
    return model


def contender_and_model(name, reference):
    contender = CONTENDERS[name]()
    weights = {key: tensor.clone() for key, tensor in to_gpt2(reference.state_dict(), 2)}
    return contender, contender.load(contender.build(CFG), weights).eval()


@pytest.mark.parametrize("name", HERE)
def test_everyone_does_the_same_work(name, reference):
    contender, model = contender_and_model(name, reference)
    ids = torch.arange(12).view(2, 6)
    with torch.no_grad():
        torch.testing.assert_close(contender.logits(model, ids), reference(ids), atol=1e-4, rtol=1e-4)
        assert torch.equal(contender.generate(model, ids, 7), generate(reference, ids, 7))


@pytest.mark.parametrize("name", HERE)
def test_everyone_trains_every_parameter_on_the_same_loss(name, reference):
    contender, model = contender_and_model(name, reference)
    x, y = torch.arange(12).view(2, 6), torch.arange(1, 13).view(2, 6)
    optimizer, before = contender.optimizer(model), [p.detach().clone() for p in model.parameters()]
    loss = contender.loss(model, x, y)
    torch.testing.assert_close(loss, next_token_loss(reference, x, y), atol=1e-5, rtol=1e-5)
    loss.backward()
    optimizer.step()
    changed = [not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)]
    positions = reference.pos_emb.weight.numel() if name == "litgpt" else 0  # no las tiene
    expected = sum(p.numel() for p in reference.parameters()) - positions
    assert all(changed) and sum(p.numel() for p in before) == expected


def test_the_course_and_the_reference_of_the_tests_are_always_here():
    assert HERE[:2] == ["gpt_course", "transformers"]
    assert list(CONTENDERS) == ["gpt_course", "transformers", "llms-from-scratch", "litgpt"]


# --- Los turnos -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result():
    """Una comparación de verdad, con un modelo diminuto; todos los turnos, en este proceso."""
    contenders = dict(list(rounds.installed().items())[:2])
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "measure_limits", functools.partial(measure_limits, repeats=1))
        patch.setattr(rounds, "take_turn_apart", lambda order: as_json(turn.take_turn(as_json(order))))
        found = rounds.run(contenders, rounds=1, cfg=CFG, sizes=SIZES)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    return found


def as_json(found):
    return json.loads(json.dumps(found))


def test_a_turn_is_another_process(reference, tmp_path):
    save_gpt2(reference, tmp_path)
    weights = str(tmp_path / "model.safetensors")
    order = {"kind": "read", "contender": "gpt_course", "cfg": CFG, "weights": weights, **SIZES}
    found = rounds.take_turn_apart(order)
    assert found["import"] >= found["torch"] > 0.01  # aquí ya estaría importado
    expected = reference(turn._tokens(order, *SIZES["check"]))[..., :: turn.CHECKED].flatten()
    assert found["logits"] == pytest.approx(expected.tolist(), abs=1e-4)


def test_everything_is_measured(result):
    assert result["failed"].keys() <= {TRAINER}  # pide `accelerate`
    assert {HALVED, *result["others"]} == {HALVED, TRAINER} - result["failed"].keys()
    halved = result["others"][HALVED]
    assert halved["loss"] == pytest.approx(halved["ours"], rel=0.01) and halved["loss"] != halved["ours"]
    assert set(result["tasks"]) == {
        *("read_long", "read_batch", "write_one", "write_batch"),
        *("train", "peak", "build", "import", "torch"),
    }
    for measured in result["tasks"].values():
        assert list(measured) == ["gpt_course", "transformers"]
        assert all(0 < value < math.inf for value in measured.values())
    assert min(result["tasks"]["peak"].values()) > 100 * 2**20  # PyTorch, importado, ya ocupa más
    assert {name: list(found) for name, found in result["medium"].items()} == {
        name: ["gpt_course", "transformers"] for name in ("read_long", "read_batch", "train")
    }
    assert set(result["bf16"]["seconds"]) == {"write_one", "write_batch"}
    assert json.loads(json.dumps(result)) is not None


def test_the_table_has_a_row_for_each_task(result):
    lines = table(result).splitlines()
    assert lines[0] == "| trabajo | unidad | `gpt_course` | `transformers` | ventaja | límite |"
    assert [line.split("|")[1].strip() for line in lines[2:13]] == [
        *(
            "leer 1×16 tokens",
            "leer 1×16 tokens, redondeando",
            "leer 2×8 tokens",
            "leer 2×8 tokens, redondeando",
        ),
        *("escribir 1×5 tras 4", "escribir 3×5 tras 4"),
        *("entrenar con 2×8, AdamW", "entrenar con 2×8, AdamW, redondeando"),
        *("memoria máxima al entrenar", "crear el modelo", "importar"),
    ]
    assert "pesos al azar" in table(result) and table(result).count("Sin medir") == len(result["failed"])


def test_with_stories_everyone_starts_from_the_same_loss(monkeypatch):
    monkeypatch.setattr(stories, "BATCH", 2)
    monkeypatch.setattr(stories, "STEPS", 1)
    threads, seen = torch.get_num_threads(), []

    def here(order):
        return seen.append((order["contender"], order["threads"])) or as_json(turn.take_turn(as_json(order)))

    found = stories.run_stories(TWO, rounds=1, turn=here)
    torch.set_num_threads(threads)
    assert found["failed"].keys() <= {TRAINER}  # pide `accelerate`
    assert [list(speeds)[:2] for speeds in found["speeds"].values()] == [list(TWO)] * 2
    assert all(0 < speed < math.inf for speeds in found["speeds"].values() for speed in speeds.values())
    assert seen[:2] == [("gpt_course", 1), ("transformers", 1)] and ("transformers", 2) in seen


def test_with_stories_who_fails_or_computes_something_else_is_left_out():
    def turn_(order):
        if order["contender"] == "litgpt":
            raise RuntimeError("roto")
        loss = 6.1 + (order["contender"] == "transformers")
        return {"speed": 100.0 * order["threads"], "loss": loss, "last": loss}

    found = stories.run_stories({**TWO, "litgpt": "0"}, rounds=2, turn=turn_)
    assert found["failed"]["litgpt"] == "roto" and "no coincide" in found["failed"]["transformers"]
    assert found["speeds"]["1"]["gpt_course"] == 100 and "litgpt" not in found["speeds"]["2"]
    speeds = {**found["speeds"], "1": {"gpt_course": 300.0, "otro": 200.0}}
    text = table({**by_hand(), "stories": {**found, "speeds": speeds}})
    assert (
        "Entrenar con 16 cuentos, AdamW, 1 hilo: `gpt_course` 300, `otro` 200 tokens/s; ventaja, 1,50×."
        in text
    )
    assert "Sin medir con los cuentos: `litgpt`, roto." in text
    assert (
        "Lo mismo con los productos en bf16: 100 tokens/s (1 hilo, 1,00× lo de float32) y 200 tokens/s (2 "
        "hilos, 1,00× lo de float32); tras 60 pasos la pérdida es 6,1000, y en float32, 6,1000."
    ) in table({**by_hand(), "stories": found})


def test_other_ways_of_training_are_told_apart(monkeypatch):
    def answer(order):
        seconds = {TRAINER: 3.0, HALVED: 0.5}.get(order["contender"], 1.0)
        return plausible(order, seconds, loss=4.25 if order["contender"] == HALVED else 4.5)

    fake_turns(monkeypatch, answer)
    text = table(rounds.run(TWO, rounds=1, cfg=CFG, sizes=SIZES))
    assert f"`{TRAINER}`: entrenar con 2×8, AdamW, 5,3 tokens/s; ventaja, 3,00×." in text
    assert (
        f"`{HALVED}`: entrenar con 2×8, AdamW, 32,0 tokens/s, 2,00× lo de float32; la última pérdida medida "
        "es 3,2500, y en float32, 3,5000." in text
    )
    fake_turns(monkeypatch, lambda order: plausible(order, loss=4.5 + (order["contender"] == TRAINER)))
    found = rounds.run(TWO, rounds=1, cfg=CFG, sizes=SIZES)
    assert list(found["others"]) == [HALVED] and "no coincide" in found["failed"][TRAINER]


def fake_turns(monkeypatch, answer):
    """Turnos sin proceso: lo de verdad ya se prueba arriba."""
    asked = []

    def turn_(order):
        asked.append((order["kind"], order["contender"], sorted(order["write"])))
        return answer(order)

    monkeypatch.setattr(rounds, "take_turn_apart", turn_)
    monkeypatch.setattr(rounds, "check_trainer", dict)  # como si estuviera todo
    return asked


def quality():
    return {
        "loss_fp32": 10.25,
        **{"loss_bf16": 10.5, "same_bf16": 0.75, "error_bf16": 0.5},
        **{"loss_medium": 10.375, "same_medium": 0.875, "error_medium": 0.0625},
    }


def plausible(order, seconds=1.0, logits=(0.0, 1.0), loss=4.5):
    if order["kind"] == "limits":
        return {"linear_flops": 1e9, "bf16_flops": 2e9, "read_bytes": 1e9}
    if order["kind"] == "bf16":
        measured = {task: [seconds] for task in order["write"]}
        return {**quality(), "seconds": measured}
    if order["kind"].startswith("train"):
        return {
            "seconds": {"train": [seconds]},
            "last": loss - 1,
            "peak": 2**20,
            "loss": loss,
            "build": 1,
            "import": 1,
            "torch": 1,
        }
    measured = {task: [seconds] for task in [*order["read"], *order["write"]]}
    return {"seconds": measured, "logits": list(logits), "build": 1, "import": 1, "torch": 1}


TWO = {"gpt_course": "0", "transformers": "0"}


def test_the_turns_alternate_and_the_median_is_taken(monkeypatch):
    times = iter([1.0, 2.0, 4.0, 6.0, 5.0, 9.0])  # curso, rival; rival, curso; curso, rival

    def answer(order):
        return plausible(order, next(times) if order["kind"] == "read" else 1.0)

    asked = fake_turns(monkeypatch, answer)
    measured = rounds.run(TWO, rounds=3, cfg=CFG, sizes=SIZES)["tasks"]["read_long"]
    order = [who for kind, who, _ in asked if kind == "read"]
    assert order == [*TWO, *reversed(TWO), *TWO]  # cada vuelta empieza otro
    assert measured == {"gpt_course": 5.0, "transformers": 4.0}
    kinds = [kind for kind, _, _ in asked]
    assert kinds.count("limits") == kinds.count("bf16") == 3
    assert kinds.count("read_medium") == kinds.count("train_medium") == 2  # una sola vuelta


def test_what_takes_too_long_is_measured_once(monkeypatch):
    def answer(order):
        return plausible(order, 99.0 if order["contender"] == "transformers" else 1.0)

    asked = fake_turns(monkeypatch, answer)
    result = rounds.run(TWO, rounds=2, cfg=CFG, sizes=SIZES)
    wanted = [tasks for kind, who, tasks in asked if kind == "read" and who == "transformers"]
    assert wanted == [["write_batch", "write_one"], []]
    assert result["tasks"]["write_one"] == {"gpt_course": 1.0, "transformers": 99.0}


def test_a_slow_machine_measures_once_and_still_tells_everything(monkeypatch):
    fake_turns(monkeypatch, lambda order: plausible(order, 99.0))
    result = rounds.run(TWO, rounds=2, cfg=CFG, sizes=SIZES)
    assert result["tasks"]["write_batch"] == {"gpt_course": 99.0, "transformers": 99.0}
    assert result["bf16"]["seconds"] == {"write_one": 99.0, "write_batch": 99.0}
    assert table(result)


def test_who_fails_is_left_out_with_the_reason(monkeypatch):
    def answer(order):
        if order["contender"] == "transformers":
            raise RuntimeError("ImportError: falta algo")
        return plausible(order)

    asked = fake_turns(monkeypatch, answer)
    result = rounds.run(TWO, rounds=2, cfg=CFG, sizes=SIZES)
    assert result["failed"] == {"transformers": "ImportError: falta algo"}
    assert [who for _, who, _ in asked].count("transformers") == 1  # no se insiste
    assert "Sin medir: `transformers`, ImportError: falta algo." in table(result)
    assert all(row["advantage"] is None for row in rows(result))


@pytest.mark.parametrize(
    ("measured", "ours", "theirs", "reason"),
    [
        ("logits", (0.0, 1.0), (0.0, 1.001), "sus logits no coinciden con el curso"),
        ("loss", 4.5, 4.502, "su primera pérdida al entrenar no coincide con el curso"),
    ],
)
def test_who_computes_something_else_is_left_out(monkeypatch, measured, ours, theirs, reason):
    def answer(order):
        return plausible(order, **{measured: ours if order["contender"] == "gpt_course" else theirs})

    fake_turns(monkeypatch, answer)
    result = rounds.run(TWO, rounds=1, cfg=CFG, sizes=SIZES)
    assert result["failed"].pop("transformers") == reason and result["failed"].keys() <= {TRAINER}
    assert list(result["tasks"]["train"]) == list(result["contenders"]) == ["gpt_course"]


def test_if_the_course_fails_nothing_is_compared(monkeypatch):
    def answer(order):
        raise RuntimeError("roto")

    fake_turns(monkeypatch, answer)
    with pytest.raises(RuntimeError, match="El turno «limits» del curso falló: roto"):
        rounds.run(TWO, rounds=1, cfg=CFG, sizes=SIZES)


def test_a_process_that_fails_says_why(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('falta una biblioteca')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match=r"^ImportError: falta una biblioteca$"):
        rounds.take_turn_apart(
            {"kind": "read", "contender": "gpt_course", "cfg": CFG, "weights": "", **SIZES}
        )


def test_who_would_take_too_long_does_not_write(monkeypatch):
    asked = []

    class Slow:
        def generate(self, model, ids, count):
            asked.append(count)
            return torch.zeros(ids.shape[0], ids.shape[1] + count)

    clock = iter([0, 1, 2, 4, 5, 6, 7])  # dos tokens, un segundo: 61 serían 30,5; y luego dos: 5 son 5
    monkeypatch.setattr(turn.time, "perf_counter", lambda: next(clock))
    order = {"cfg": CFG, "repeats": 1, "write": {"long": (1, 4, 61), "short": (1, 4, 5)}}
    assert turn._write(Slow(), None, order) == {"short": [1]}
    assert asked == [2, 2, 2, 2, 5]  # cada una, dos veces: la primera prepara los productos y no cuenta


def test_repeating_stops_when_it_is_enough(monkeypatch):
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(turn.time, "perf_counter", lambda: next(clock))
    assert turn._repeat(9, lambda: None) == [15, 15]  # con 30 ya pasa de ENOUGH
    assert turn._repeat(1, lambda: None) == [15]


# --- Las cuentas ------------------------------------------------------------------------------------------


def by_hand():
    return {
        "machine": {"processor": "de prueba", "threads": 2, "torch": "0"},
        "contenders": {"gpt_course": "1", "transformers": "2", "litgpt": "3"},
        "cfg": CFG,
        "sizes": SIZES,
        "limits": {"linear_flops": 1e9, "onednn_flops": 2e9, "bf16_flops": 4e9, "read_bytes": 1e9},
        "tasks": {
            "read_long": {"gpt_course": 0.010, "transformers": 0.030, "litgpt": 0.025},
            "write_batch": {"gpt_course": 0.5, "transformers": 1.5, "litgpt": 1.0},
            "train": {"gpt_course": 2.0, "transformers": 4.0},
            "peak": {"gpt_course": 3 * 2**20, "transformers": 2**21},
            "torch": {"gpt_course": 0.9},
            "import": {"gpt_course": 1.0},
        },
        "bf16": {
            **quality(),
            "weights": "pesos al azar",
            "seconds": {"write_one": 0.01, "write_batch": 0.03},
        },
        "failed": {},
    }


def test_units_and_advantages():
    found = {row["task"]: row for row in rows(by_hand())}
    assert list(found) == ["read_long", "write_batch", "train", "peak", "import"]
    assert found["read_long"]["values"] == {"gpt_course": 10.0, "transformers": 30.0, "litgpt": 25.0}
    assert found["read_long"]["advantage"] == pytest.approx(2.5)
    assert found["write_batch"]["values"] == {"gpt_course": 30.0, "transformers": 10.0, "litgpt": 15.0}
    assert found["write_batch"]["advantage"] == pytest.approx(2.0)
    assert found["train"]["values"] == {"gpt_course": 8.0, "transformers": 4.0}
    assert found["peak"]["values"] == {"gpt_course": 3.0, "transformers": 2.0}
    assert found["peak"]["advantage"] == pytest.approx(2 / 3)  # menos memoria es mejor
    assert found["import"]["advantage"] is None and found["import"]["limit"] == pytest.approx(900)


def test_the_limit_is_what_the_linear_layers_alone_would_take():
    found = {row["task"]: row["limit"] for row in rows(by_hand())}
    model = GPTModel(CFG)
    matrices = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    weights = sum(p.numel() for p in model.parameters())
    assert found["read_long"] == pytest.approx(1e3 * 2 * 16 * matrices / 2e9)
    assert found["train"] == pytest.approx(16 / (3 * 2 * 16 * matrices / 2e9))
    # Cada paso lee todos los pesos, 4 bytes cada uno, o multiplica tres filas: lo que más tarde.
    step = max(4 * weights / 1e9, 2 * 3 * matrices / 2e9)
    head = model.out_head.weight.numel()  # de la entrada, solo con el último lugar de cada frase
    prompt = max(4 * weights / 1e9, 2 * (12 * (matrices - head) + 3 * head) / 2e9)
    assert found["write_batch"] == pytest.approx(15 / (prompt + 4 * step))
    assert found["peak"] is None


def test_the_table_is_written_in_spanish():
    text = table(by_hand())
    assert "| leer 1×16 tokens | ms | 10,0 | 30,0 | 25,0 | 2,50× |" in text
    assert "| entrenar con 2×8, AdamW | tokens/s | 8,0 | 4,0 | — | 2,00× |" in text
    assert "F.linear: 1, oneDNN: 2, bf16: 4 GFLOP/s; leer memoria: 1 GB/s" in text
    assert "escribe 500 y 500 tokens/s" in text  # 5/0,01 y 3·5/0,03
    assert "de 10,2500 a 10,5000 y el token más probable es el mismo en el 75,0 %" in text
    found = {**by_hand(), "gpu": gpu_result()}
    assert "GPU (de prueba): 2000 tokens/s al entrenar en bf16 con lotes de 8×1024; 40,0 % de los 5 TF" in (
        table(found)
    )


def gpu_result():
    measured = {"name": "de prueba", "batch": 8, "length": 1024, "tokens_per_second": 2000.0}
    return {**measured, "matmul_flops": 5e12, "share": 0.4}


def test_the_limits_are_the_work_divided_by_the_time(monkeypatch):
    done = []

    def half_a_second(work, repeats):
        done.append(work())
        return 0.5

    monkeypatch.setattr(limits, "_median", half_a_second)
    found = measure_limits()
    products = [out for out in done if out.dim() == 2]
    assert {tuple(out.shape) for out in products} == {(1024, 3072)}
    assert [out.dtype for out in products].count(torch.bfloat16) == 1
    assert done[-1].item() == 2**26  # la suma de todo lo que se lee, 4 bytes cada número
    expected = dict.fromkeys(found, 2 * 1024 * 768 * 3072 / 0.5) | {"read_bytes": 2**28 / 0.5}
    assert found == expected


def test_the_median_is_of_the_times_after_the_first(monkeypatch):
    clock = iter([0, 9, 10, 11, 20, 23])  # tardan 9, 1 y 3
    calls = []
    monkeypatch.setattr(limits.time, "perf_counter", lambda: next(clock))
    assert limits._median(lambda: calls.append(1), 3) == 3 and len(calls) == 4


def test_limits_are_measured():
    found = measure_limits(repeats=1)
    assert set(found) - {"onednn_flops"} == {"linear_flops", "bf16_flops", "read_bytes"}
    assert ("onednn_flops" in found) == torch.backends.mkldnn.is_available()


def test_what_rounding_loses_against_the_loss_of_the_course():
    model = tiny_model(**CFG)
    found = rounding_quality(model, 16)
    tokens = torch.tensor(load_gpt2_tokenizer().encode(load_story()))[:64].view(4, 16) % 97
    x, y = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    with torch.no_grad():
        assert found["loss_fp32"] == pytest.approx(next_token_loss(model, x, y).item(), rel=1e-5)
        half = model.bfloat16()(x).float()
    assert found["loss_bf16"] == pytest.approx(F.cross_entropy(half.flatten(0, 1), y.flatten()).item())
    assert found["loss_bf16"] == pytest.approx(found["loss_fp32"], rel=0.02) and found["same_bf16"] > 0.8


def test_with_medium_each_number_is_in_its_place():
    found = by_hand()
    found["medium"] = {"read_long": {"gpt_course": 0.005, "transformers": 0.02, "litgpt": 0.0125}}
    row = {row["task"]: row for row in rows(found)}["read_long_medium"]
    assert row["values"] == {"gpt_course": 5.0, "transformers": 20.0, "litgpt": 12.5}
    assert row["advantage"] == pytest.approx(2.5) and row["limit"] is None  # con el mismo interruptor
    text = table(found)
    assert "| leer 1×16 tokens, redondeando | ms | 5,0 | 20,0 | 12,5 | 2,50× | — |" in text
    assert "mejor de los demás como viene: leer 1×16 tokens, 5,00×." in text
    assert "pasa a 10,3750, ningún logit se aleja más de 0,0625" in text and "en el 87,5 % de" in text


def test_each_processor_has_its_table():
    first, second = by_hand(), by_hand()
    second["machine"] = {**second["machine"], "processor": "otro"}
    assert tables([first, second]) == f"**de prueba**\n\n{table(first)}\n\n**otro**\n\n{table(second)}"
    again = {**first, "rounds": 2}
    assert merged([first, second], again) == [again, second]
    assert merged([first], second) == [*merged([], first), second] == [first, second]


# --- La GPU, con la misma cuenta en la CPU ----------------------------------------------------------------


def test_the_batch_grows_while_it_fits_and_the_fastest_counts(monkeypatch):
    seconds = {1: 1.0, 2: 1.5, 4: 3.5, 8: None}
    asked = []

    def step(cfg, device, batch, compiled, steps):
        asked.append(batch)
        return seconds[batch]

    monkeypatch.setattr(gpu, "_step_seconds", step)
    monkeypatch.setattr(gpu, "_matmul_flops", lambda device, side: 1e6)
    found = gpu.measure_gpu(CFG, "cpu")
    assert asked == [1, 2, 4, 8] and found["batch"] == 2
    assert found["tokens_per_second"] == pytest.approx(2 * 32 / 1.5)
    assert found["share"] == pytest.approx(training_flops(Plan(CFG, batch=2)) / 1.5 / 1e6)
    monkeypatch.setattr(gpu, "_step_seconds", lambda *_: None)
    with pytest.raises(RuntimeError, match="no cabe ni un lote de una frase de 32 tokens"):
        gpu.measure_gpu(CFG, "cpu")


def test_the_gpu_code_trains_for_real_also_on_the_cpu():
    found = gpu.measure_gpu(CFG, "cpu", compiled=False, steps=1, largest=2, side=64)
    assert found["batch"] in (1, 2) and found["name"] == "cpu" and found["length"] == 32
    assert found["tokens_per_second"] > 0 and found["matmul_flops"] > 0 and found["share"] > 0


def test_out_of_memory_is_an_answer(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(gpu, "_seconds", full)
    assert gpu._step_seconds(CFG, torch.device("cpu"), 1, False, 1) is None


# --- La terminal ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "`--rounds` debe ser un entero de 1 a 1000; llegó 0"),
        (["--threads", "x"], "No se entiende --threads"),
        (["--rounds"], "No se entiende --rounds"),
        (["--prisa"], "No existe la opción '--prisa'"),
        (
            ["--weights", "no-existe"],
            "`--weights` espera una carpeta con model.safetensors; llegó 'no-existe'",
        ),
        (
            ["--plot", "figura.docx"],
            "`--plot` espera un archivo .svg o .png en una carpeta que exista; llegó 'figura",
        ),
        (["--save", "no-existe/medidas.json"], "`--save` espera un archivo .json en una carpeta que exista"),
        (["--save", "medidas.txt"], "`--save` espera un archivo .json"),
        (["--plot", "no-existe/figura.svg"], "en una carpeta que exista; llegó 'no-existe"),
    ],
)
def test_a_bad_order_measures_nothing(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(terminal, "run", lambda *_, **__: pytest.fail("no debía medir"))
    assert terminal.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def quick(monkeypatch):
    """La terminal con lo ya medido a mano."""
    asked = {}
    monkeypatch.setattr(terminal, "run", lambda contenders, **options: asked.update(options) or by_hand())
    monkeypatch.setattr(terminal, "run_stories", lambda contenders, rounds: None)
    monkeypatch.setattr(terminal, "machine", lambda threads: {"processor": "de prueba"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return asked


def test_the_terminal_prints_the_table_or_the_json_and_draws(quick, capsys, tmp_path):
    (tmp_path / "model.safetensors").touch()
    assert terminal.main(["--rounds", "5", "--threads", "4", "--weights", str(tmp_path)]) == 0
    assert capsys.readouterr().out.rstrip() == table(by_hand())
    assert quick["rounds"] == 5 and quick["sizes"]["threads"] == 4 and quick["real"] == str(tmp_path)
    assert terminal.main(["--json", "--plot", str(tmp_path / "figura.svg")]) == 0
    assert json.loads(capsys.readouterr().out) == as_json({**by_hand(), "stories": None})
    assert (tmp_path / "figura.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_what_is_saved_keeps_the_other_processors(quick, tmp_path):
    path, other = tmp_path / "medidas.json", {**by_hand(), "machine": {"processor": "otro"}}
    path.write_text(json.dumps([{"machine": {"processor": "de prueba"}}, other]), encoding="utf-8")
    for _ in range(2):
        assert terminal.main(["--save", str(path)]) == 0
        assert json.loads(path.read_text(encoding="utf-8")) == as_json(
            [{**by_hand(), "stories": None}, other]
        )
    assert terminal.main(["--save", str(tmp_path / "nuevo.json")]) == 0
    assert json.loads((tmp_path / "nuevo.json").read_text(encoding="utf-8")) == as_json(
        [{**by_hand(), "stories": None}]
    )


def test_what_was_measured_is_safe_before_it_is_told(quick, monkeypatch, tmp_path):
    monkeypatch.setattr(terminal, "table", lambda result: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        terminal.main(["--save", str(tmp_path / "medidas.json")])
    assert json.loads((tmp_path / "medidas.json").read_text(encoding="utf-8"))


def test_what_took_too_long_in_bf16_is_a_dash():
    result = by_hand()
    assert "el curso escribe — y — tokens/s" in table({**result, "bf16": {**result["bf16"], "seconds": {}}})


def test_only_the_stories_keep_the_rest(quick, monkeypatch, tmp_path, capsys):
    path = tmp_path / "medidas.json"
    order = ["--only", "cuentos", "--save", str(path)]
    assert terminal.main(order) == 2 and "di en qué archivo está" in capsys.readouterr().err
    path.write_text("[]", encoding="utf-8")
    assert terminal.main(order) == 2 and "no hay nada medido en este procesador" in capsys.readouterr().err
    path.write_text(json.dumps([by_hand()]), encoding="utf-8")
    monkeypatch.setattr(terminal, "run", lambda *_, **__: pytest.fail("no debía medir lo demás"))
    speeds = {"batch": 16, "speeds": {"1": {"gpt_course": 5.0}}, "failed": {}}
    monkeypatch.setattr(terminal, "run_stories", lambda contenders, rounds: speeds)
    assert terminal.main(order) == 0
    assert json.loads(path.read_text(encoding="utf-8")) == as_json([{**by_hand(), "stories": speeds}])


def test_with_a_gpu_it_is_measured_too(quick, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(terminal, "measure_gpu", lambda cfg: gpu_result())
    assert terminal.main([]) == 0
    assert "GPU (de prueba): 2000 tokens/s" in capsys.readouterr().out


def test_who_is_missing_is_told_on_stderr(quick, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "installed", lambda: TWO)
    assert terminal.main([]) == 0
    assert "No está litgpt" in capsys.readouterr().err


def test_an_error_while_measuring_is_one_sentence(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(terminal, "run", full)
    assert terminal.main([]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: ")


def test_what_is_measured_is_printed_even_if_the_rest_fails(quick, monkeypatch, capsys, tmp_path):
    def broken(*_):
        raise RuntimeError("sin sitio")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(terminal, "measure_gpu", broken)
    monkeypatch.setattr(terminal, "_plot", broken)
    assert terminal.main(["--plot", str(tmp_path / "figura.svg")]) == 2
    shown = capsys.readouterr()
    assert "leer 1×16 tokens" in shown.out and "Sin medir: `GPU`, sin sitio." in shown.out
    assert shown.err.splitlines()[-1] == "Error: sin sitio"


def test_alone_there_is_nothing_to_draw_and_it_is_told_before(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "installed", lambda: {"gpt_course": "0"})
    monkeypatch.setattr(terminal, "run", lambda *_, **__: pytest.fail("no debía medir"))
    assert terminal.main(["--plot", "figura.svg"]) == 2
    assert "no hay con quién" in capsys.readouterr().err


def test_an_interruption_is_one_sentence(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "run", interrupted)
    assert terminal.main([]) == 130
    assert "Interrumpido" in capsys.readouterr().err


def test_the_help_is_in_spanish(capsys):
    with pytest.raises(SystemExit) as stopped:
        terminal.main(["--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0 and shown.startswith("Uso: python -m gpt_course.bench [opciones]")
    assert "show this help" not in shown and "muestra esta ayuda" in shown


def test_a_package_without_a_version_is_not_a_contender(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert list(rounds.installed()) == ["gpt_course"]


CPUINFO = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"), [(CPUINFO, "AMD EPYC, familia 25, modelo 17"), ("Processor : 0\n", "arm64")]
)
def test_the_processor_is_told_apart_from_those_of_its_name(cpuinfo, expected, monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text(cpuinfo, encoding="utf-8")
    monkeypatch.setattr(rounds, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr(rounds.platform, "processor", lambda: "arm64")
    assert rounds.machine(2)["processor"] == expected
