"""La calculadora de memoria (docs/sitio/memoria/): la misma cuenta que `gpt_course.memory`, en Chromium."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gpt_course.config import GPT2_CONFIGS, STORY_CONFIG
from gpt_course.memory import Plan, inference_timeline
from gpt_course.memory.__main__ import make_plan, read, read_ram
from gpt_course.memory.advice import verdict
from gpt_course.memory.report import LABELS, named, summary

MODELS = {**GPT2_CONFIGS, "cuentos": STORY_CONFIG}  # las piezas de hoy, solo en la terminal
ADDRESS = (Path(__file__).parents[1] / "docs" / "sitio" / "memoria" / "memoria.html").as_uri()
# La cuenta entera de una lista de planes; los enteros viajan como texto, para no perder ninguno.
LEDGER = """plans => JSON.stringify(plans.map(plan => {
  for (const key in plan) if (/^\\d+$/.test(plan[key])) plan[key] = BigInt(plan[key]);
  return {
    parameters: parameters(plan), training_bytes: trainingSizes(plan), activation_bytes: activations(plan),
    training_timeline_bytes: trainingTimeline(plan), training_peak_bytes: trainingPeak(plan),
    inference_bytes: inferenceSizes(plan), inference_peak_bytes: inferencePeak(plan),
    kv_cache_bytes: kvCache(plan), weights_file_bytes: weightsFile(plan), timeline: inferenceTimeline(plan),
  };
}), (_, value) => typeof value === "bigint" ? String(value) : value)"""


@pytest.fixture
def calculator(page):
    page.goto(ADDRESS)
    return page


def random_plan(draw):
    """Un plan cualquiera, de un token o con más bytes de los que caben en un número de JavaScript."""
    high = draw.choice((40, 3000, 10**8))
    heads = draw.randint(1, 64)
    context = draw.randint(1, high)
    cfg = {
        "vocab_size": draw.randint(1, high),
        "context_length": context,
        "emb_dim": heads * draw.randint(1, max(1, high // 64)),
        "n_heads": heads,
        "n_layers": draw.choice((1, 2, 3, 12)),
        "drop_rate": draw.choice((0.0, 0.1)),
        "qkv_bias": draw.random() < 0.5,
        "tie_weights": draw.random() < 0.5,
    }
    return Plan(
        cfg,
        batch=draw.choice((1, 8, 12, draw.randint(1, high))),
        seq=draw.randint(1, context),
        dtype=draw.choice(("fp32", "bf16", "mixed")),
        optimizer=draw.choice(("sgd", "momentum", "adamw")),
        explicit=draw.random() < 0.5,
        checkpointing=draw.random() < 0.5,
        accumulation=draw.randint(1, 3),
    )


def as_javascript(plan):
    """El plan como lo escribe la página: los enteros, en texto."""
    fields = ("batch", "seq", "dtype", "optimizer", "explicit", "checkpointing", "accumulation")
    values = {**plan.cfg, **{name: getattr(plan, name) for name in fields}, "dropout": plan.has_dropout}
    del values["drop_rate"]
    return {key: str(value) if type(value) is int else value for key, value in values.items()}


def as_text(value):
    """Lo mismo, con los enteros en texto, para compararlo con lo que llega de la página."""
    return {key: as_text(one) for key, one in value.items()} if isinstance(value, dict) else str(value)


def spanish(text):
    """Los números de un texto de Python, a la española: 1,234,567.89 → 1 234 567,89 con espacio fino."""

    def number(match):
        whole, decimals = match[1].replace(",", ""), match[2] or ""
        whole = f"{int(whole):,}".replace(",", "\u202f") if len(whole) > 4 else whole
        return whole + decimals.replace(".", ",")

    return re.sub(r"\b(\d+(?:,\d{3})*)(\.\d+)?\b", number, text)


def test_the_ledger_is_the_one_of_python_to_the_last_byte(calculator):
    draw = random.Random(9)
    plans = [random_plan(draw) for _ in range(500)]
    found = json.loads(calculator.evaluate(LEDGER, [as_javascript(plan) for plan in plans]))
    assert max(plan.cfg["vocab_size"] for plan in plans) > 10**7
    for plan, ledger in zip(plans, found, strict=True):
        expected = {**summary(plan), "timeline": inference_timeline(plan)}
        del expected["parameters"]["total"]
        assert ledger == {key: as_text(expected[key]) for key in ledger}, plan


def test_the_verdict_and_the_advice_are_the_ones_of_python(calculator):
    draw = random.Random(3)
    plans = [random_plan(draw) for _ in range(25)]
    plans += [Plan(MODELS[name], batch=batch) for name in MODELS for batch in (1, 8)]
    rams = [draw.choice((2**28, 2**33, 2**36, draw.randint(1, 10**12))) for _ in plans]
    code = """pairs => pairs.map(([plan, ram]) => {
      for (const key in plan) if (/^\\d+$/.test(plan[key])) plan[key] = BigInt(plan[key]);
      return ["Entrenar", "Generar"].map(task => {
        const { text, advice } = verdict(plan, BigInt(ram), task);
        return advice ? `${text}\\n  ${advice}` : text;
      }).join("\\n");
    })"""
    pairs = [[as_javascript(plan), str(ram)] for plan, ram in zip(plans, rams, strict=True)]
    expected = [spanish(verdict(plan, ram)) for plan, ram in zip(plans, rams, strict=True)]
    assert calculator.evaluate(code, pairs) == expected
    assert len({sentence.split(" (")[0] for text in expected for sentence in text.split("\n")}) > 10


def test_the_models_and_the_labels_are_the_ones_of_python(calculator):
    models = json.loads(
        calculator.evaluate("() => JSON.stringify(MODELS, (_, v) => typeof v === 'bigint' ? Number(v) : v)")
    )
    expected = {}
    for name, cfg in MODELS.items():
        rest = {key: value for key, value in cfg.items() if key != "drop_rate"}
        expected[name] = {"tie_weights": False, **rest, "dropout": cfg["drop_rate"] > 0}
    assert models == expected
    offered = calculator.locator("#model option").evaluate_all("all => all.map(one => one.value)")
    assert offered == [*MODELS, ""]
    labels = calculator.evaluate("() => LABELS")
    assert labels == {key: LABELS[key] for key in labels}
    assert set(LABELS) - set(labels) == {"buffers", "projections", "scores"}  # siempre 0, y las operaciones


def shown_rows(page, where):
    rows = page.locator(f"#{where} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return {label: cells for label, *cells in rows}


def expected_rows(sizes):
    return {
        label: [spanish(f"{size / 2**20:.2f}"), spanish(str(size))] for label, size in named(sizes).items()
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "#model=gpt2-xl&batch=8&dtype=bf16&ram=8GiB",
        "#model=cuentos&batch=12&optimizer=momentum&dtype=mixed&accumulation=4&ram=7,5GiB",
        "#model=gpt2-medium&drop-rate=0&checkpointing&no-tie-weights&no-qkv-bias&seq=300&attention=explicit",
    ],
)
def test_what_is_shown_is_what_the_command_shown_computes(calculator, query):
    calculator.goto(ADDRESS + query)
    command = calculator.locator("#command").text_content().split()
    assert command[:3] == ["python", "-m", "gpt_course.memory"]
    options = read(command[3:])
    plan, ram = make_plan(options), read_ram(options.ram)
    found = summary(plan)
    moments = found["training_timeline_bytes"]
    highest = max(moments, key=moments.get)
    train = {**expected_rows(found["training_bytes"])}
    train[f"pico, {LABELS[highest]}"] = expected_rows({highest: moments[highest]})[LABELS[highest]]
    generate = expected_rows({**found["inference_bytes"], "create": found["inference_peak_bytes"]})
    generate["pico"] = generate.pop(LABELS["create"])
    assert shown_rows(calculator, "training") == train
    assert shown_rows(calculator, "inference") == generate
    assert shown_rows(calculator, "activations") == expected_rows(found["activation_bytes"])
    assert shown_rows(calculator, "file") == expected_rows({"weights_file": found["weights_file_bytes"]})
    lines = {
        label.replace(" (el pico)", ""): cells for label, cells in shown_rows(calculator, "timeline").items()
    }
    assert lines == expected_rows(moments)
    said = calculator.locator("#verdict p").all_text_contents()
    assert said == ([line.strip() for line in spanish(verdict(plan, ram)).split("\n")] if ram else said)
    assert bool(ram) == ("GiB" in " ".join(said))


def test_an_address_and_a_command_give_the_plan_back(calculator):
    draw = random.Random(5)
    plans = [random_plan(draw) for _ in range(24)]
    code = """([plan, ram]) => {
      const written = Object.fromEntries(Object.entries(plan).map(
        ([key, value]) => [key, /^\\d+$/.test(value) ? BigInt(value) : value]));
      writeForm(written, ram);
      update();
      const command = $("command").textContent;
      const complaints = takeAddress(location.hash);
      const { plan: again, ram: memory, errors } = readForm();
      return JSON.stringify([command, complaints, errors, again, memory],
        (_, value) => typeof value === "bigint" ? String(value) : value);
    }"""
    for number, plan in enumerate(plans):
        ram = ("", "", "", "8", "", "7,5 GiB", "", "16GB")[number % 8]
        command, complaints, errors, again, memory = json.loads(
            calculator.evaluate(code, [as_javascript(plan), ram])
        )
        options = read(command.split()[3:])
        assert (complaints, errors) == ([], {})
        assert again == as_javascript(plan)
        assert make_plan(options) == plan
        assert str(read_ram(options.ram)) == str(memory)


BAD_FIELDS = {
    "batch": ("hola", "Escribe un entero de 1 a 100\u202f000\u202f000; llegó «hola»."),
    "emb_dim": ("", "Escribe un entero de 1 a 100\u202f000\u202f000; llegó «»."),
    "n_layers": ("10001", "Escribe un entero de 1 a 10\u202f000; llegó «10001»."),
    "accumulation": ("1.5", "llegó «1.5»"),
    "vocab_size": ("-3", "llegó «-3»"),
    "context_length": ("1e3", "llegó «1e3»"),
    "n_heads": ("7", "elige un número que divida a 768"),
    "seq": ("2048", "Caben 1024 como mucho"),
    "ram": ("1,024 MiB", "sin separador de millares; llegó «1,024 MiB»."),
}


def test_a_bad_value_says_so_beside_its_field_and_breaks_nothing(calculator):
    before = calculator.locator("#results").inner_text()
    address = calculator.url
    for name, (text, sentence) in BAD_FIELDS.items():
        field, error = calculator.locator(f"#{name}"), calculator.locator(f"#error-{name}")
        good = field.input_value()
        field.fill(text)
        assert sentence in error.text_content(), name
        assert field.get_attribute("aria-invalid") is not None
        assert f"error-{name}" in field.get_attribute("aria-describedby").split()
        assert "valores anteriores" in calculator.locator("#notice").inner_text()
        assert before in calculator.locator("#results").inner_text()
        assert calculator.url == address
        field.fill(good)
        assert error.is_hidden()
        assert calculator.locator("#results").inner_text() == before
    assert set(BAD_FIELDS) == {name for name in calculator.evaluate("() => COUNTS")} | {"ram"}


def test_a_bad_address_says_so_and_still_counts(calculator):
    calculator.goto("about:blank")
    calculator.goto(
        f"{ADDRESS}#model=gpt9&foo=1&dtype=fp8&drop-rate=2&batch=cien&checkpointing=no&toString=1"
    )
    notice = calculator.locator("#notice").inner_text()
    for piece in ("«gpt9»", "«foo=1»", "«dtype=fp8»", "«drop-rate=2»", "«checkpointing=no»", "«toString=1»"):
        assert piece in notice
    assert "llegó «cien»" in calculator.locator("#error-batch").inner_text()
    assert shown_rows(calculator, "training")["pesos"] == ["474,70", "497\u202f759\u202f232"]
    calculator.locator("#batch").fill("2")
    assert calculator.locator("#notice").is_hidden()
    assert calculator.url == f"{ADDRESS}#model=gpt2&batch=2"


def test_choosing_a_model_brings_its_sizes_and_changing_one_leaves_it(calculator):
    calculator.locator("#model").select_option("cuentos")
    assert calculator.url == f"{ADDRESS}#model=cuentos&ram=8GiB"
    assert calculator.locator("#seq").input_value() == "144"
    calculator.locator("#emb_dim").fill("96")
    assert calculator.locator("#model").input_value() == ""
    assert calculator.locator("#title").inner_text().startswith("A tu medida: ")
    calculator.locator("#reset").click()
    assert calculator.locator("#title").inner_text().startswith("GPT-2 pequeño: 124\u202f439\u202f808 ")
    calculator.locator("aside a").first.click()
    calculator.wait_for_function("document.activeElement.id === 'title'")
    assert "GPT-2 XL" in calculator.locator("#title").inner_text()


def test_the_bars_say_their_numbers_and_keep_their_proportions(calculator):
    calculator.goto(f"{ADDRESS}#model=gpt2-medium&drop-rate=0&ram=8GiB")
    plan = replace(Plan(MODELS["gpt2-medium"]), cfg={**MODELS["gpt2-medium"], "drop_rate": 0.0})
    sizes = named(summary(plan)["training_bytes"])
    bar = calculator.locator("#training .bar")
    widths = bar.locator(".segment").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    whole = bar.locator(".stack").evaluate("one => one.getBoundingClientRect().width")
    scale = max(sum(sizes.values()), 8 * 2**30)
    assert widths == pytest.approx([whole * size / scale for size in sizes.values()], abs=1.0)
    ram = bar.locator(".mark.ram").evaluate("one => one.offsetLeft + 3")
    assert ram == pytest.approx(whole * 8 * 2**30 / scale, abs=1.5)
    label = bar.get_attribute("aria-label")
    assert all(f"{name}, " in label for name in sizes)
    assert "pico, 7,56 GiB; tu equipo, 8,00 GiB" in label


def test_the_keyboard_reaches_every_control_in_order(calculator):
    controls = calculator.locator("a, input, select, button, summary, pre").evaluate_all(
        "all => all.map(one => one.id || one.textContent.trim())"
    )
    reached = []
    for _ in controls:
        calculator.keyboard.press("Tab")
        reached.append(
            calculator.evaluate(
                """() => { const one = document.activeElement;
                return [one.id || one.textContent.trim(), getComputedStyle(one).outlineStyle] }"""
            )
        )
    assert [name for name, _ in reached] == controls
    assert {outline for _, outline in reached} == {"solid"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_also_with_the_longest_numbers(calculator, scheme):
    calculator.set_viewport_size({"width": 360, "height": 740})
    calculator.emulate_media(color_scheme=scheme)
    calculator.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    whole = "10000000" + "0"
    for query in (
        "",
        f"#vocab-size={whole}&context-length={whole}&emb-dim={whole}&n-heads=1&batch={whole}&ram=8GiB",
    ):
        calculator.goto(ADDRESS + query)
        assert calculator.locator("#notice").is_hidden()
        assert calculator.evaluate("document.documentElement.scrollWidth") == 360
    assert calculator.evaluate("document.getAnimations().length") == 0
