"""El explorador: su modelo y su gramática son los del curso, y la página hace lo que promete."""

import itertools
import re

import pytest
import torch
from browser import installed, require
from explorer_page import SOURCES, bars, beginning, floats, load_explorer_data

from gpt_course.inspection import attention_weights, head_off, logit_lens
from gpt_course.models import load_story_model
from gpt_course.sampling import filter_logits
from gpt_course.stories import load_grammar
from gpt_course.stories.excess import LABELS
from gpt_course.tokenizer import END_OF_TEXT, split_text

GRAMMAR = load_grammar()
NAMED = (
    "Había una vez una niña muy curiosa que se llamaba Ana. Una mañana de sol, Ana fue al parque con su "
    "amigo Lucas. Llevaba una cometa roja. Pero al cruzar el puente,"
)
LOST = NAMED + " Ana"
CHOOSING = NAMED[: NAMED.index(" al cruzar")]


def ids_of(text):
    tokenizer = load_explorer_data().load_story_model()[1]
    return [tokenizer.eot_token, *tokenizer.encode(text)]


@torch.no_grad()
def logits_of(model, ids):
    return model(torch.tensor([ids]))[0]


# ── El modelo ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_weights_are_those_of_the_package_in_half_the_bytes(rounded_model):
    data, ours = load_explorer_data().model_data(), load_story_model()[0]
    assert len(data["halves"]) <= 500_000
    assert data["words"] == rounded_model[1].words
    assert [name for name, _ in data["sizes"]] == list(ours.state_dict())
    rounded = rounded_model[0].state_dict()
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor.half().float(), rounded[name]), name


def test_the_logits_are_those_of_pytorch(engine, rounded_model):
    model, _ = rounded_model
    full = load_story_model()[0]
    stories = [ids_of(GRAMMAR.story(index, "explorador")) for index in range(4)]
    for weights, reference in ((None, model), (floats(flat(full)), full)):
        expected = [floats(logits_of(reference, ids)) for ids in stories]
        worst = engine.evaluate(
            """([weights, stories, expected]) => {
                const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                const floats = (text) => new Float32Array(bytes(text).buffer);
                const numbers = weights ? floats(weights) : unpackHalves(STORY_MODEL.halves);
                const model = new GPT(STORY_MODEL.config, nameTensors(numbers, STORY_MODEL.sizes));
                return Math.max(...stories.map((ids, k) => {
                    model.rewind();
                    const wanted = floats(expected[k]);
                    let worst = 0;
                    ids.forEach((id, t) => model.logits(model.read(id).stream.at(-1)).forEach((value, v) => {
                        worst = Math.max(worst, Math.abs(value - wanted[t * STORY_MODEL.words.length + v]));
                    }));
                    return worst;
                }));
            }""",
            [weights, stories, expected],
        )
        assert worst <= 1e-4


def flat(model):
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()])


def test_two_hundred_prompts_go_on_with_the_same_words(engine, rounded_model):
    """20 cuentos por 10 comienzos. Si cada palabra elegida es la que PyTorch elige tras las anteriores, el
    texto voraz es el mismo, y PyTorch lo comprueba de una pasada."""
    model, tokenizer = rounded_model
    stories = [ids_of(GRAMMAR.story(index, "voraz")) for index in range(20)]
    written = engine.evaluate(
        """([stories, end]) => stories.flatMap((ids) => {
            const model = explorer.probe, texts = [];
            model.headsOff = new Set();
            model.rewind();
            let read = 0, trace;
            for (let cut = 1; cut <= 10; cut++) {
                const size = Math.max(1, Math.floor(ids.length * cut / 10) - 4);
                while (read < size) trace = model.read(ids[read++]);
                const text = ids.slice(0, size);
                for (let last = trace; text.length < size + 12; last = model.read(text.at(-1))) {
                    const logits = model.logits(last.stream.at(-1));
                    text.push(logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
                    if (text.at(-1) === end || text.length === STORY_MODEL.config.context_length) break;
                }
                model.rewind(size);
                texts.push([size, text]);
            }
            return texts;
        })""",
        [stories, tokenizer.eot_token],
    )
    assert len(written) == 200
    longest = max(len(text) for _, text in written)
    padded = torch.tensor([text + [tokenizer.eot_token] * (longest - len(text)) for _, text in written])
    with torch.no_grad():
        chosen = model(padded).argmax(dim=-1)
    for row, (size, text) in enumerate(written):
        assert len(text) > size
        assert text[size:] == chosen[row, size - 1 : len(text) - 1].tolist()


def test_what_it_shows_inside_is_what_the_package_sees(engine, rounded_model):
    model, _ = rounded_model
    ids = ids_of(GRAMMAR.story(3, "explorador"))[:60]
    seen = engine.evaluate(
        """(ids) => {
            const model = explorer.probe;
            model.headsOff = new Set();
            model.rewind();
            const trace = ids.map((id) => model.read(id)).at(-1);
            return {
                weights: trace.weights.map((heads) => heads.map((each) => [...each])),
                lens: trace.stream.map((x) => [...softmax(model.logits(x))]),
            };
        }""",
        ids,
    )
    batch = torch.tensor([ids])
    assert torch.allclose(
        torch.tensor(seen["weights"]), attention_weights(model, batch)[:, 0, :, -1], atol=1e-5
    )
    assert torch.allclose(
        torch.tensor(seen["lens"]), logit_lens(model, batch)[:, 0, -1].softmax(-1), atol=1e-5
    )


def test_a_head_switched_off_is_that_of_the_package(engine, rounded_model):
    model, _ = rounded_model
    ids = ids_of(GRAMMAR.story(5, "explorador"))
    for block, head in itertools.product(range(model.cfg["n_layers"]), range(model.cfg["n_heads"])):
        found = engine.evaluate(
            "([ids, head]) => [...readWithout(explorer.probe, ids, [head]).at(-1)]", [ids, f"{block}.{head}"]
        )
        with head_off(model, block, head):
            expected = logits_of(model, ids)[-1]
        assert torch.allclose(torch.tensor(found), expected, atol=1e-4, rtol=0), (block, head)


def test_what_a_missing_head_breaks_is_measured_as_in_the_course(engine, rounded_model):
    model, tokenizer = rounded_model
    story, found, whole = engine.evaluate(
        """() => {
            const story = examStory(explorer, seeded(EXAM_SEED));
            return [story, ...[["0.1", "1.0"], []].map((off) => [...excess(explorer, story, off)])];
        }"""
    )
    words = GRAMMAR.reading(tokenizer.decode(story["ids"][1:-1]))
    assert story["labels"] == [word.label for word in words]
    assert story["nats"] == pytest.approx([-word.log_probability for word in words], abs=1e-9)
    with head_off(model, 0, 1), head_off(model, 1, 0):
        cut = logits_of(model, story["ids"][:-1])
    for logits, sums in ((cut, found), (logits_of(model, story["ids"][:-1]), whole)):
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(story["ids"][1:]), reduction="none")
        expected = dict.fromkeys(sorted({word.label for word in words}), 0.0)
        for word, loss in zip(words, losses.tolist(), strict=True):
            expected[word.label] += loss + word.log_probability
        assert dict(sorted(sums)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    "mixer",
    [{"temperature": 0.7}, {"topK": 3}, {"topP": 0.6}, {"temperature": 2.0, "topK": 9, "topP": 0.8}],
    ids=str,
)
def test_the_mixer_is_filter_logits(engine, mixer):
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(40, generator=generator, dtype=torch.float64) * 2
    logits[5:8] = logits.max()  # empates: top-k los deja a todos; top-p, a los de número menor
    names = {"temperature": "temperature", "topK": "top_k", "topP": "top_p"}
    expected = filter_logits(logits, **{names[key]: value for key, value in mixer.items()}).softmax(-1)
    found = engine.evaluate(
        "([logits, mixer]) => [...nextProbabilities(Float64Array.from(logits), mixer)]",
        [logits.tolist(), mixer],
    )
    assert found == pytest.approx(expected.tolist(), abs=1e-12)
    assert sum(p == 0 for p in found) == (expected == 0).sum()


def test_a_token_takes_at_most_a_millisecond(engine):
    """De dos en dos tokens, y la décima parte más rápida: lo demás es lo que la máquina dedica a otros."""
    ids = ids_of(GRAMMAR.story(1, "explorador"))
    times = engine.evaluate(
        """(ids) => [1, 2, 3].flatMap(() => {
            const model = explorer.probe, times = [];
            model.headsOff = new Set();
            model.rewind();
            for (let t = 0; t + 1 < ids.length; t += 2) {
                const start = performance.now();
                for (const id of [ids[t], ids[t + 1]]) model.logits(model.read(id).stream.at(-1));
                times.push((performance.now() - start) / 2);
            }
            return times;
        })""",
        ids,
    )
    assert sorted(times)[len(times) // 10] <= 1.0


def test_the_model_reads_in_one_sitting():
    assert len((SOURCES / "gpt.js").read_text(encoding="utf-8").splitlines()) <= 300
    for path in SOURCES.glob("*.js"):
        if not path.name.startswith("story_"):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert path.name == "gpt.js" or len(lines) <= 250, path.name
            assert max(map(len, lines)) <= 110, path.name


# ── La gramática ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_distribution_is_exact_after_every_prefix(engine):
    stories = [[*split_text(GRAMMAR.story(index, "explorador")), END_OF_TEXT] for index in range(5)]
    stories += engine.evaluate(
        # Cada palabra posible, por igual: pisa también lo raro.
        """() => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((seed) => {
            const random = seeded(seed), words = [];
            for (let reading = explorer.grammar.begin(); reading; reading = reading.after(words.at(-1))) {
                const choices = [...reading.distribution.keys()];
                words.push(choices[Math.floor(random() * choices.length)]);
            }
            return words;
        })"""
    )
    found = engine.evaluate(
        """(stories) => stories.map((words) => {
            const readings = explorer.grammar.follow(words.slice(0, -1));
            return readings.map((reading, i) => [
                Object.fromEntries(reading.distribution), reading.label(words[i])]);
        })""",
        stories,
    )
    for words, readings in zip(stories, found, strict=True):
        text = "".join(words[:-1])
        exact = list(GRAMMAR.follow(text))
        assert len(readings) == len(exact) == len(words)
        for (distribution, _), expected in zip(readings, exact, strict=True):
            assert distribution.keys() == expected.keys()
            assert max(abs(distribution[word] - p) for word, p in expected.items()) <= 1e-9
        assert [label for _, label in readings] == [word.label for word in GRAMMAR.reading(text)]


def test_text_is_cut_as_in_the_course(engine):
    texts = [CHOOSING, "¡Ay,\n\n  qué  3 días…!  ", "—No llores, Ana —dijo Rosa—.", "it's 'we'll", " \n ", ""]
    assert engine.evaluate("(texts) => texts.map(splitText)", texts) == [split_text(text) for text in texts]


def test_the_stories_it_samples_belong_to_the_language(engine):
    stories = engine.evaluate("() => [1, 2, 3, 4, 5].map((seed) => explorer.grammar.sample(seeded(seed)))")
    assert len({tuple(words) for words in stories}) == 5
    for words in stories:
        assert words[-1] == END_OF_TEXT
        assert GRAMMAR.parse("".join(words[:-1])).belongs


@pytest.mark.parametrize(
    ("prefix", "word", "why"),
    [
        (
            LOST,
            " lo",
            "Es de género masculino, y lo que llevaba es «cometa», femenino. Solo puede venir «la».",
        ),
        (NAMED, " Bruno", "Iría si quien protagoniza el cuento fuera «Bruno». Solo puede venir «Ana»."),
        ("Había una vez una", " niño", "Es de género masculino, y aquí toca femenino."),
        (LOST + " la perdió.\n—No", " Buscaron", "Ningún cuento que empiece así sigue con esa palabra."),
        (
            LOST + " la perdió. Ana se puso muy triste.",
            " Corrieron",
            "Va en los cuentos en que un animal se lleva",
        ),
        (CHOOSING, END_OF_TEXT, "«fin» es imposible aquí. Ningún cuento que empiece así"),
    ],
    ids=lambda value: value[-12:],
)
def test_an_impossible_word_is_explained(engine, prefix, word, why):
    assert word not in GRAMMAR.next_words(prefix)
    said = engine.evaluate(
        """([words, word]) => whyImpossible(explorer.grammar.follow(words).at(-1), word)""",
        [split_text(prefix), word],
    )
    assert why in said
    assert said.startswith(f"«{'fin' if word == END_OF_TEXT else word.strip()}» es imposible aquí.")


def test_a_sum_that_is_wrong_is_explained(engine):
    shared = " También llevaba cuatro peras: le dio una a Lucas y le"
    prefix = split_text(CHOOSING.removesuffix(" Pero") + shared)
    said = engine.evaluate("(w) => whyImpossible(explorer.grammar.follow(w).at(-1), ' quedó')", prefix)
    assert "La cuenta no sale. Solo puede venir «quedaron»." in said


def test_every_word_but_the_possible_ones_has_a_reason(engine):
    """Con todo el vocabulario, en varios lugares: un género o un nombre se dan por causa solo si lo son."""
    for prefix in (CHOOSING, LOST, NAMED, "Había una vez"):
        reasons = engine.evaluate(
            """(words) => {
                const reading = explorer.grammar.follow(words).at(-1);
                return explorer.words.filter((word) => !reading.distribution.has(word))
                    .map((word) => [word, reading.missing(word), whyImpossible(reading, word)]);
            }""",
            split_text(prefix),
        )
        assert len(reasons) == len(GRAMMAR.words) - len(GRAMMAR.next_words(prefix))
        for word, lack, said in reasons:
            assert "undefined" not in said and "null" not in said, word
            if lack and lack["actual"]:
                assert lack["actual"].get(lack["column"]) != lack["value"], (word, lack)


def test_the_tables_of_the_grammar_have_a_name_in_spanish(engine):
    missing = engine.evaluate(
        "() => Object.keys(STORY_RULES.tablas).filter((name) => !(name in ABOUT))"
        ".concat(explorer.grammar.tables.suceso.rows.map((row) => row.id).filter((id) => !(id in EVENTS)))"
    )
    assert not missing


# ── La página ────────────────────────────────────────────────────────────────────────────────────────────


def distance_in(text):
    return float(re.search(r"\(divergencia KL\): ([\d,]+) nats", text)[1].replace(",", "."))


def divergence(prefix, probabilities, tokenizer):
    truth = GRAMMAR.next_words(prefix)
    exact = torch.tensor(list(truth.values()), dtype=torch.float64)
    return (exact * (exact / probabilities[[tokenizer.number[word] for word in truth]]).log()).sum().item()


def test_first_the_question_and_then_the_picture(explorer, rounded_model):
    assert not explorer.is_visible("#bars") and not explorer.is_visible("#lens")
    assert explorer.inner_text("#bars") == "" and not explorer.is_visible("#by-model")
    options = explorer.eval_on_selector_all("[data-guess]", "all => all.map((each) => each.dataset.guess)")
    truth = GRAMMAR.next_words(CHOOSING)
    assert len(options) == 6 and sum(word in truth for word in options) == 4
    model, tokenizer = rounded_model
    belief = logits_of(model, ids_of(CHOOSING))[-1].double().softmax(-1)
    favourite = tokenizer.words[belief.argmax()]
    guess = min((word for word in options if word in truth), key=truth.get)
    explorer.click(f'[data-guess="{guess}"]')
    points = explorer.eval_on_selector_all(
        "#score tbody tr", "rows => rows.map((row) => row.cells[1].innerText)"
    )
    expected = [truth[guess], truth.get(favourite, 0), max(truth.values())]
    # 12,5 puntos pueden escribirse 12 o 13: depende de la última cifra de la cuenta.
    pairs = list(zip(points, expected, strict=True))
    assert all(abs(int(value) - 100 * p) <= 0.5 + 1e-9 for value, p in pairs), pairs
    assert f"El modelo apuesta por «{favourite.strip()}»" in explorer.inner_text("#verdict")
    shown = bars(explorer)
    assert set(truth) <= set(shown)
    for word, (p, q) in shown.items():
        assert p == pytest.approx(truth.get(word, 0), abs=0.00501)
        assert q == pytest.approx(belief[tokenizer.number[word]].item(), abs=0.00501)
    said = distance_in(explorer.inner_text("#gap"))
    assert said == pytest.approx(divergence(CHOOSING, belief, tokenizer), abs=0.00501)


def test_one_click_adds_a_word_and_asks_again(explorer):
    beginning(explorer, CHOOSING)
    explorer.click('[data-add=" al"]')
    assert explorer.inner_text('#story [aria-selected="true"] .token') == "␣al"
    assert explorer.is_visible("#options") and not explorer.is_visible("#bars")
    impossible = [word for word in guesses(explorer) if word not in GRAMMAR.next_words(CHOOSING + " al")]
    explorer.click(f'[data-guess="{impossible[0]}"]')
    assert "es imposible aquí" in explorer.inner_text("#verdict")
    assert explorer.inner_text("#score tbody tr td").strip() == "0"
    explorer.click("#undo")
    assert explorer.inner_text('#story [aria-selected="true"] .token') == "␣Pero"
    explorer.click("#skip")  # palabras obligadas de un tirón, hasta donde se duda
    count = explorer.locator("#story [role=option]").count()
    assert count > len(ids_of(CHOOSING)) and len(GRAMMAR.next_words(story_text(explorer))) > 1


def guesses(page):
    return page.eval_on_selector_all("[data-guess]", "all => all.map((each) => each.dataset.guess)")


def story_text(page):
    ids = page.eval_on_selector_all(
        "#story [role=option] small", "all => all.map((each) => Number(each.innerText))"
    )
    return load_explorer_data().load_story_model()[1].decode(ids[1:])


def test_the_sliders_move_the_bars(explorer, rounded_model):
    model, tokenizer = rounded_model
    beginning(explorer, CHOOSING)
    logits = logits_of(model, ids_of(CHOOSING))[-1].double()
    for id, value in (("temperature", "2"), ("top-k", "5"), ("top-p", "0.8")):
        explorer.fill(f"#{id}", value)
    expected = filter_logits(logits, temperature=2.0, top_k=5, top_p=0.8).softmax(-1)
    for word, (_, q) in bars(explorer).items():
        assert q == pytest.approx(expected[tokenizer.number[word]].item(), abs=0.00501)
    assert "es infinita" in explorer.inner_text("#gap") and "Entero y sin mandos" in explorer.inner_text(
        "#gap"
    )
    explorer.press("#temperature", "Home")
    assert sorted(q for _, q in bars(explorer).values())[-2:] == [0, 1]
    explorer.click("#finish")  # sin azar: el cuento voraz, entero
    assert story_text(explorer).startswith(CHOOSING)
    parse = GRAMMAR.parse(story_text(explorer).removesuffix(END_OF_TEXT))
    assert ("y es correcto" in explorer.inner_text("#writer-says")) == parse.belongs
    explorer.click("#neutral")
    assert explorer.input_value("#temperature") == "1" and explorer.input_value("#top-k") == "21"


def test_a_head_off_changes_what_it_believes(explorer, rounded_model):
    model, tokenizer = rounded_model
    beginning(explorer, LOST)
    damage = {}
    for block, head in itertools.product(range(model.cfg["n_layers"]), range(model.cfg["n_heads"])):
        with head_off(model, block, head):
            belief = logits_of(model, ids_of(LOST))[-1].double().softmax(-1)
        damage[f"{block}.{head}"] = divergence(LOST, belief, tokenizer)
    whole = divergence(LOST, logits_of(model, ids_of(LOST))[-1].double().softmax(-1), tokenizer)
    note = "[...document.querySelectorAll('#switches button')].every((each) => each.children[2].innerText)"
    explorer.wait_for_function(note)
    for head, nats in damage.items():
        said = explorer.inner_text(f'[data-head="{head}"] small:last-child')
        more = float(said.replace("−", "-").replace(",", ".").removesuffix(" nats"))
        assert more == pytest.approx(nats - whole, abs=0.0051)
    worst = max(damage, key=damage.get)
    explorer.click(f'[data-head="{worst}"]')
    assert explorer.get_attribute(f'[data-head="{worst}"]', "aria-checked") == "false"
    assert distance_in(explorer.inner_text("#gap")) == pytest.approx(damage[worst], abs=0.0051)
    explorer.click("#measure")
    explorer.wait_for_selector("#damage table")
    labels = explorer.eval_on_selector_all("#damage tbody th", "all => all.map((each) => each.innerText)")
    assert set(labels) == set(LABELS)
    broken = explorer.eval_on_selector_all(
        "#damage tbody tr", "rows => rows.map((row) => row.cells[4].innerText)"
    )
    broken = [float(value.replace("−", "-").replace(",", ".")) for value in broken]
    assert broken == sorted(broken, reverse=True) and broken[0] > 0
    explorer.click(f'[data-head="{worst}"]')
    assert distance_in(explorer.inner_text("#gap")) == pytest.approx(whole, abs=0.0051)


def test_an_impossible_word_is_refused_and_can_be_forced(explorer):
    beginning(explorer, LOST)
    add(explorer, "lo")
    assert "«lo» es imposible aquí. Es de género masculino" in explorer.inner_text("#adder-says")
    assert story_text(explorer) == LOST
    add(explorer, "la cometa")
    assert "no existe «la cometa»" in explorer.inner_text("#adder-says")
    add(explorer, "comeat")
    assert "¿Querías decir «cometa»" in explorer.inner_text("#adder-says")
    assert not explorer.is_visible("#insist")
    add(explorer, "lo")
    explorer.click("#insist")
    assert story_text(explorer) == LOST + " lo"
    assert "Ningún cuento empieza así" in explorer.inner_text("#gap")
    assert all(p is None for p, _ in bars(explorer).values()) and bars(explorer)
    assert "imposible" in explorer.get_attribute('#story [aria-selected="true"]', "aria-label")
    explorer.click("#by-grammar")
    assert "La gramática no puede seguir" in explorer.inner_text("#writer-says")


def add(page, text):
    page.fill("#word", text)
    page.press("#word", "Enter")


def test_a_beginning_can_be_written(explorer):
    beginning(explorer, "Había una vez un dragón muy malo")
    assert story_text(explorer) == "Había una vez un"
    assert "no existe «dragón»" in explorer.inner_text("#reader-says")
    starts = explorer.eval_on_selector_all("[data-start]", "all => all.map((each) => each.dataset.start)")
    assert len(starts) == 4 and all(GRAMMAR.next_words(start) for start in starts)
    explorer.click("#random-start")
    assert GRAMMAR.next_words(story_text(explorer))
    beginning(explorer, "Ana")
    assert explorer.inner_text("#reader-says") == "Ningún cuento empieza por «Ana»."
    beginning(explorer, "Había" + " una" * 300)
    assert "Caben 142" in explorer.inner_text("#reader-says")
    explorer.click("#finish")
    assert explorer.locator("#story [role=option]").count() <= 144


def test_a_place_of_the_story_can_be_looked_at(explorer, rounded_model):
    model, _ = rounded_model
    explorer.click('#story [data-place="12"]')
    assert "está en el lugar 12" in explorer.inner_text("#embedding-says")
    explorer.check('[name="head"][value="1.3"]')
    ids = ids_of(CHOOSING)[:13]
    weights = attention_weights(model, torch.tensor([ids]))[1, 0, 3, -1]
    words = explorer.eval_on_selector_all(
        "#looks [role=option]", "all => all.map((each) => each.style.getPropertyValue('--w'))"
    )
    assert [float(value) for value in words[:13]] == pytest.approx(weights.tolist(), abs=1e-5)
    assert set(words[13:]) == {"0"}
    lines = explorer.locator("#looks path").count()
    assert lines == (weights[:-1] >= 0.03).sum()
    rows = explorer.locator("#attention-table tbody tr").count()
    assert rows == 11  # los diez más mirados y los demás


# ── Para todo el mundo ───────────────────────────────────────────────────────────────────────────────────


def test_the_keyboard_alone_plays(explorer):
    seen, hidden_focus = [], []
    for _ in range(200):
        explorer.keyboard.press("Tab")
        found = explorer.evaluate(
            """() => {
                const on = document.activeElement;
                if (on === document.body) return null;
                const { outlineStyle, outlineWidth } = getComputedStyle(on);
                on.dataset.reached = "yes";
                return [on.outerHTML.slice(0, 80), outlineStyle !== "none" && outlineWidth !== "0px"];
            }"""
        )
        if found is None:
            break
        seen.append(found[0])
        hidden_focus += [] if found[1] else [found[0]]
    assert not hidden_focus
    unreached = explorer.evaluate(
        """() => [...document.querySelectorAll("a, button, input, summary, [tabindex='0']")]
            .filter((each) => each.checkVisibility() && !each.disabled && !each.dataset.reached)
            .filter((each) => each.type !== "radio")
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert not unreached and len(seen) > 30
    explorer.focus("[data-guess]")
    explorer.keyboard.press("Enter")
    assert explorer.is_visible("#bars")
    assert explorer.evaluate("document.activeElement.id") == "question"
    explorer.focus('#story [aria-selected="true"]')
    explorer.keyboard.press("ArrowLeft")
    explorer.keyboard.press("ArrowLeft")
    assert explorer.evaluate("document.activeElement.dataset.place") == str(len(ids_of(CHOOSING)) - 3)
    explorer.keyboard.press("End")
    explorer.focus('[data-head="0.2"]')
    explorer.keyboard.press("Space")
    assert explorer.evaluate("document.activeElement.dataset.head") == "0.2"
    assert explorer.get_attribute('[data-head="0.2"]', "aria-checked") == "false"


def audit(page, part="body"):
    """Lo que axe encuentra mal: [(regla, dónde)]. `preload` pediría el CSS, y por file:// no va."""
    require(installed("axe_playwright_python"), 'el extra «navegador»: pip install -e ".[navegador]"')
    from axe_playwright_python.sync_playwright import Axe

    violations = (
        Axe().run(page, part, {"preload": False, "resultTypes": ["violations"]}).response["violations"]
    )
    return [(rule["id"], [node["html"][:99] for node in rule["nodes"]]) for rule in violations]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_axe_finds_nothing_wide_or_narrow_light_or_dark(explorer, width, scheme):
    """Las otras dos parejas no traen nada nuevo: los colores no dependen de la anchura."""
    explorer.set_viewport_size({"width": width, "height": 800})
    explorer.emulate_media(color_scheme=scheme)
    assert not audit(explorer, "#pregunta")
    explorer.click("[data-guess]")
    explorer.click('[data-head="0.1"]')
    explorer.evaluate(
        """() => {
            document.querySelectorAll("details").forEach((each) => { each.open = true; });
            // De las tablas largas y de las franjas basta el principio: lo demás es igual.
            document.querySelectorAll(".scroll tr:nth-child(n + 4), rect:nth-child(n + 4)")
                .forEach((each) => each.remove());
        }"""
    )
    assert not audit(explorer)
    assert explorer.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = explorer.evaluate(
        """() => [...document.querySelectorAll("button, input, summary, [role=option]")]
            .filter((each) => each.checkVisibility())
            .map((each) => [(each.closest("label") ?? each).getBoundingClientRect(), each.outerHTML])
            .filter(([{ width, height }]) => width < 24 || height < 24)
            .map(([, html]) => html.slice(0, 80))"""
    )
    assert not small


def test_every_picture_has_a_table_behind(explorer):
    explorer.click("#reveal")
    assert explorer.locator("#strips svg").count() == 3 and explorer.locator("#lens svg").count() == 3
    names = explorer.eval_on_selector_all(
        "svg[role=img]", "all => all.map((each) => each.getAttribute('aria-label'))"
    )
    assert all(name.startswith("Franja de ") for name in names) and len(set(names)) == len(names)
    for id in ("strips", "stream"):
        assert explorer.locator(f"#{id}-table tbody tr").count() == 64
    assert explorer.locator("#tokens-table tbody tr").count() == len(ids_of(CHOOSING))
    captions = explorer.eval_on_selector_all(
        "main table", "all => all.map((each) => each.caption?.textContent)"
    )
    assert len(captions) >= 6 and all(captions)


def test_nothing_moves_for_those_who_ask(explorer):
    explorer.click("#reveal")
    moving = "getComputedStyle(document.querySelector('.bar i')).transitionDuration"
    assert explorer.evaluate(moving) == "0.2s"
    explorer.emulate_media(reduced_motion="reduce")
    assert explorer.evaluate(moving) == "0s"


def test_without_its_data_it_says_how_to_make_them(chromium):
    opened = chromium.new_page()
    opened.route(re.compile("story_"), lambda route: route.abort())
    opened.goto((SOURCES / "explorador.html").as_uri())
    assert "python docs/sitio/explorer_data.py" in opened.inner_text("#failure")
    assert not opened.is_visible("main")
    opened.close()
