"""Los puntos de control: enteros o ninguno, en el disco antes de tener nombre, y uno solo escribe."""

import os
import sys
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError
from training_runs import tiny

from gpt_course.training import checkpoints
from gpt_course.training.checkpoints import DIGESTS, Checkpoints, only_one
from gpt_course.training.log import NAME, Log, best_step, curve, read_log, without_clock
from gpt_course.training.run import run


def fill(folder):
    (folder / "uno").write_text("1")
    (folder / "dos").write_text("2")


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def nobody(folder):
    return None


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done, sync, rename = [], checkpoints._sync, os.rename
    monkeypatch.setattr(checkpoints, "_sync", lambda path: (done.append(path.name), sync(path)))
    monkeypatch.setattr(os, "rename", lambda a, b: (done.append("nombre"), rename(a, b)))
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor)))
    Checkpoints(tmp_path, 2).save(7, fill)
    before, after = done[: done.index("nombre")], done[done.index("nombre") + 1 :]
    assert sorted(before[:3]) == ["dos", DIGESTS, "uno"] and before[3:] == [".escribiendo-7"]
    assert after == [tmp_path.name] and len(synced) == 5
    assert everything(tmp_path) == [
        "paso-000007",
        *(f"paso-000007/{n}" for n in sorted(["dos", DIGESTS, "uno"])),
    ]


@pytest.mark.parametrize(
    ("best", "kept"), [(None, [30, 40]), (10, [10, 30, 40]), (40, [30, 40]), (20, [20, 30, 40])]
)
def test_the_last_ones_and_the_best_are_kept(best, kept, tmp_path):
    points = Checkpoints(tmp_path, 2)
    for step in (10, 20, 30):
        Checkpoints(tmp_path, 9).save(step, fill)
    points.save(40, fill, best)
    assert points.steps() == kept and len(list(tmp_path.iterdir())) == len(kept)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("I/O error")])
@pytest.mark.parametrize("before", [True, False])
def test_if_it_cannot_be_written_the_one_before_is_still_there(error, before, tmp_path):
    def fails(folder):
        (folder / "uno").write_text("1")
        raise error

    points = Checkpoints(tmp_path, 2)
    if before:
        points.save(3, fill)
    kept = everything(tmp_path)
    left = r"Sigue entero el de antes, .*paso-000003\." if before else "Aún no había ninguno"
    with pytest.raises(OSError, match=rf"del paso 4: .*{error.args[-1]}.*{left}"):
        points.save(4, fails)
    assert everything(tmp_path) == kept
    points.save(4, fill)  # el sitio quedó libre


def test_an_error_that_is_not_of_the_disk_leaves_nothing_either(tmp_path):
    def fails(folder):
        raise ValueError("otra cosa")

    with pytest.raises(ValueError, match="otra cosa"):
        Checkpoints(tmp_path, 2).save(4, fails)
    assert everything(tmp_path) == []


def test_the_latest_that_is_whole(tmp_path):
    points, said = Checkpoints(tmp_path / "no hay", 2), []
    assert points.latest(nobody, said.append) is None and points.steps() == []
    points = Checkpoints(tmp_path, 3)
    for step in (1, 2, 3):
        points.save(step, fill)
    (tmp_path / ".escribiendo-4").mkdir()
    (tmp_path / ".borrando-1").mkdir()
    assert points.latest(nobody, said.append) == 3 and said == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paso-000001", "paso-000002", "paso-000003"]
    (tmp_path / "paso-000003" / "uno").write_text("2")
    assert points.latest(lambda folder: "no gusta" if folder.name[-1] == "2" else None, said.append) == 1
    assert "paso-000003 no sirve, porque uno está cortado o cambiado: se aparta" in said[0]
    assert "paso-000002 no sirve, porque no gusta: se aparta en apartado-000002" in said[1]
    assert points.steps() == [1] and (tmp_path / "apartado-000003" / "dos").read_text() == "2"


def test_the_folder_is_made_and_what_is_of_others_is_left_alone(tmp_path):
    points = Checkpoints(tmp_path / "una" / "dentro", 2)
    points.save(1, fill)
    (points.folder / ".otra-cosa").mkdir()
    for _ in range(2):  # la segunda vez ya hay uno apartado con ese nombre
        points.save(2, fill)
        (points.path(2) / "uno").unlink()
        assert points.latest(nobody, lambda text: None) == 1
    assert sorted(os.listdir(points.folder)) == [".otra-cosa", "apartado-000002", "paso-000001"]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("uno", None, "falta uno"),
        (DIGESTS, None, f"falta {DIGESTS}"),
        ("dos", "3", "dos está cortado o cambiado"),
        *((DIGESTS, text, f"{DIGESTS} no es un JSON entero") for text in ("", "[1]", "{}", '{"uno": ')),
    ],
)
def test_what_is_wrong_with_one_is_told(name, text, fault, tmp_path):
    points, said = Checkpoints(tmp_path, 2), []
    points.save(1, fill)
    path = points.path(1) / name
    path.write_text(text) if text is not None else path.unlink()
    assert points.latest(nobody, said.append) is None
    assert said[0].endswith(f"paso-000001 no sirve, porque {fault}: se aparta en apartado-000001.")


def test_more_than_a_million_steps_are_still_in_order(tmp_path):
    points = Checkpoints(tmp_path, 9)
    for step in (999_999, 1_000_000, 20):
        points.save(step, fill)
    assert points.steps() == [20, 999_999, 1_000_000]


def test_only_one_process_at_a_time(tmp_path):
    with only_one(tmp_path):
        with (
            pytest.raises(OSError, match=r"Otro proceso está entrenando en .*elige otra carpeta"),
            only_one(tmp_path),
        ):
            pass
        with pytest.raises(OSError, match="Otro proceso"), only_one(tmp_path):  # el primero sigue dentro
            pass
    with only_one(tmp_path):
        assert everything(tmp_path) == [".en-uso"]


def test_on_windows_there_is_another_lock(tmp_path, monkeypatch):
    locked = []
    windows = SimpleNamespace(LK_NBLCK=2, locking=lambda *options: locked.append(options))
    monkeypatch.setitem(sys.modules, "fcntl", None)  # importarlo es un error
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    with open(tmp_path / "uno", "a+") as file:
        checkpoints._lock(file)
        assert locked == [(file.fileno(), 2, 1)]


@pytest.mark.parametrize(
    ("system", "done"),
    [
        ("posix", ["r", "al disco", "cerrado", "r+", "al disco", "cerrado"]),
        ("nt", ["r+", "al disco", "cerrado"]),  # Windows no abre carpetas, y solo vacía lo que puede escribir
    ],
)
def test_what_waits_for_the_disk_is_closed(system, done, tmp_path, monkeypatch):
    found = []

    def opens(path, mode):
        found.append(mode)
        return len(found)

    calls = {
        "fsync": lambda descriptor: found.append("al disco"),
        "close": lambda descriptor: found.append("cerrado"),
    }
    (tmp_path / "uno").touch()
    fake = SimpleNamespace(name=system, O_RDONLY="r", O_RDWR="r+", open=opens, **calls)
    monkeypatch.setattr(checkpoints, "os", fake)
    checkpoints._sync(tmp_path)
    checkpoints._sync(tmp_path / "uno")
    assert found == done


# --- El disco lleno, de verdad --------------------------------------------------------------------


def test_a_full_disk_stops_the_run_and_it_goes_on_when_there_is_room(tmp_path):
    """Un límite del sistema al tamaño de un archivo: cabe el modelo y no lo que recuerda el optimizador."""
    whole, out = run(tiny(), tmp_path / "entera"), tmp_path / "corrida"
    size = (tmp_path / "entera" / "puntos" / "paso-000006" / "estado.safetensors").stat().st_size
    with pytest.raises(OSError, match=r"del paso 2: .* Aún no había ninguno\. .*sigue con --resume"):
        limited(size - 1000, tiny(), out)
    assert everything(out / "puntos") == []
    with pytest.raises(OSError, match=r"No se pudo escribir el registro .*log\.jsonl: .*Lo que había sigue"):
        limited(300, tiny(), out, resume=True)
    again = run(tiny(), out, resume=True, say=lambda text: None)
    assert without_clock(again.log) == without_clock(whole.log)


def limited(size, settings, out, **options):
    """La corrida, mientras ningún archivo puede pasar de `size` bytes."""
    import resource  # no está en Windows

    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        run(settings, out, say=lambda text: None, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- El registro ----------------------------------------------------------------------------------

ROWS = [
    {"run": {}},
    {"step": 1, "loss": 3.5},
    {"step": 2, "loss": 0.1 + 0.2},
    {"step": 2, "validation": 3.0},
    {"step": 3, "validation": 2.0, "floor": None},
    {"step": 4, "validation": 2.0},
]


def test_what_is_written_is_what_is_read(tmp_path):
    log = Log(tmp_path / NAME, ROWS[:2])
    for row in ROWS[2:]:
        log.add(row)
    log.sync()
    log.close()
    assert read_log(tmp_path) == read_log(tmp_path / NAME) == log.rows == ROWS
    with open(tmp_path / NAME, "ab") as file:
        file.write(b'{"step": 5, "loss": 1.')
    assert read_log(tmp_path) == ROWS
    assert curve(ROWS, "loss") == ([1, 2], [3.5, 0.1 + 0.2])
    assert curve(ROWS, "norm") == ([], [])
    assert best_step(ROWS) == 3 and best_step(ROWS[:2]) is None
    assert without_clock([{"a": 1, "seconds": 2, "machine": 3}]) == [{"a": 1}]


@pytest.mark.parametrize("text", ["hola\n", "[1]\n", '{"a": 1}\n{"b"\n{"c": 1}\n'])
def test_what_is_not_a_log_is_said(text, tmp_path):
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"log\.jsonl no es el registro de un entrenamiento"):
        read_log(tmp_path)
