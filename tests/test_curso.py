"""curso.py sin red y en segundos: en una copia, con un pip fingido o con el de verdad donde falla pronto."""

import contextlib
import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

import ajustes

ROOT = Path(__file__).resolve().parent.parent


def load(folder):
    """Importa la copia de curso.py que hay en una carpeta."""
    spec = importlib.util.spec_from_file_location("curso_copy", folder / "curso.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path):
    """Una copia del curso sin .venv, en una ruta con espacios, tildes y las letras que cp1252 no tiene."""
    folder = tmp_path / "lección de GPT, Ángel Íñiguez"
    folder.mkdir()
    for name in ("curso.py", "ajustes.py", "pyproject.toml", "constraints.txt"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture
def course(copy):
    return load(copy)


@pytest.fixture
def commands(course, monkeypatch):
    """Sustituye la creación de .venv y pip por órdenes que dejan huella; devuelve lo que se ejecutó."""
    ran = []

    def watched(task, command, settings=()):
        ran.append(command[1:])
        if "venv" in command:
            course.VENV_PYTHON.parent.mkdir(parents=True, exist_ok=True)
            course.VENV_PYTHON.touch()
        if "pip" in command:
            for name in course.WITNESSES:
                (course.SITE_PACKAGES / name).mkdir(parents=True, exist_ok=True)
                (course.SITE_PACKAGES / name / "__init__.py").touch()
            # Así apunta pip la carpeta de una instalación editable.
            (course.SITE_PACKAGES / "gpt_course.pth").write_text(str(course.ROOT), encoding="utf-8")

    monkeypatch.setattr(course, "watched", watched)
    monkeypatch.setattr(course, "pip_settings", dict)
    return ran


def last_line(capsys):
    return capsys.readouterr().err.strip().splitlines()[-1]


# --- El sello ---------------------------------------------------------------------------------------


def test_second_start_installs_nothing(course, commands):
    course.prepare()
    fonts = "import matplotlib.font_manager"
    assert [command[1] for command in commands] == ["venv", "pip", fonts, course.LOAD]
    course.prepare()
    assert len(commands) == 4


@pytest.mark.parametrize(("never", "compiles"), [(False, ["--no-compile"]), (True, [])])
def test_pip_compiles_only_if_nothing_can_be_compiled_later(course, commands, monkeypatch, never, compiles):
    monkeypatch.setattr(sys, "dont_write_bytecode", never)
    course.prepare()
    assert commands[1] == ["-m", "pip", "install", "-c", "constraints.txt", *compiles, "-e", ".[test]"]


def test_what_is_loaded_when_installing_exists_and_a_failure_is_left_for_later(course):
    for name in course.USED:
        package, *inside = name.split(".")  # sin cargarlos, que tardan
        place = Path(importlib.util.find_spec(package).origin).parent.joinpath(*inside)
        assert place.is_dir() or place.with_suffix(".py").is_file(), name
    subprocess.run([sys.executable, "-c", course.LOAD, "no_existe", "ajustes"], cwd=ROOT, check=True)
    assert course.LOAD.isascii()  # con LC_ALL=C y sin UTF-8, Python no puede pasar otra cosa a un proceso


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_stamp_changes_with_the_files(course, copy, commands, name):
    course.prepare()
    (copy / name).write_bytes((copy / name).read_bytes() + b"# otra\n")
    assert not course.is_ready()


def test_stamp_changes_with_python(course, commands, monkeypatch):
    course.prepare()
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert not course.is_ready()


def test_moved_folder_is_repaired(course, copy, commands):
    course.prepare()
    moved = load(copy.rename(copy.with_name("otra")))
    assert moved.STAMP.is_file()
    assert not moved.is_ready()


def test_missing_python_is_repaired(course, commands):
    course.prepare()
    course.VENV_PYTHON.unlink()
    course.prepare()
    assert len(commands) == 8


@pytest.mark.parametrize("name", ["torch", "jupyterlab", "pytest"])
def test_missing_package_is_repaired(course, commands, name):
    course.prepare()
    shutil.rmtree(course.SITE_PACKAGES / name)
    course.prepare()
    assert len(commands) == 8
    assert course.is_ready()


@pytest.mark.parametrize("content", [b"", b"otra huella", b"\xff\xfe"])
def test_damaged_stamp_is_repaired(course, commands, content):
    course.prepare()
    course.STAMP.write_bytes(content)
    assert not course.is_ready()


def test_jupyterlab_opens_the_index_rendered_and_asks_nothing(course, commands):
    course.prepare()
    settings = json.loads((course.VENV / "share/jupyter/lab/settings/overrides.json").read_text())
    assert (
        settings["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]["markdown"]
        == "Markdown Preview"
    )
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert settings["@jupyterlab/translation-extension:plugin"]["locale"] == "es_ES"


@pytest.mark.parametrize("kind", ["other", "file", "link"])
def test_a_folder_that_is_not_ours_is_not_erased(course, copy, commands, capsys, kind):
    thesis = copy / "tesis.txt"
    if kind == "other":
        course.VENV.mkdir()
        thesis = course.VENV / "tesis.txt"
    thesis.write_text("años de trabajo")
    if kind == "file":
        course.VENV.write_text("")
    if kind == "link":
        course.VENV.symlink_to(copy)
    assert course.main(["probar"]) == 1
    assert "la que hay contiene otra cosa" in capsys.readouterr().err
    assert thesis.read_text() == "años de trabajo"
    assert commands == []


def test_an_environment_left_half_made_is_rebuilt(course, commands):
    (course.VENV / "lib").mkdir(parents=True)
    course.prepare()
    assert course.is_ready()


def test_the_torch_index_of_a_ready_environment_says_what_to_do(course, commands, capsys):
    course.prepare()
    course.prepare("https://ejemplo.invalid/cpu")
    assert len(commands) == 4
    assert "borra la carpeta .venv" in capsys.readouterr().out


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_unfinished_install_leaves_no_stamp(course, copy, commands, monkeypatch, failure):
    course.prepare()
    (copy / "constraints.txt").write_text("torch==2.13.0\n")
    fake = course.watched

    def fails_in_pip(task, command, settings=()):
        fake(task, command)
        if "pip" in command:
            raise failure

    monkeypatch.setattr(course, "watched", fails_in_pip)
    assert course.main(["probar"]) != 0
    assert not course.STAMP.exists()
    monkeypatch.setattr(course, "watched", fake)
    course.prepare()
    assert course.is_ready()


def test_files_changed_during_the_install_do_not_count_as_installed(course, copy, commands, monkeypatch):
    fake = course.watched

    def changes_the_constraints(task, command, settings=()):
        fake(task, command)
        (copy / "constraints.txt").write_text("torch==2.13.0\n")

    monkeypatch.setattr(course, "watched", changes_the_constraints)
    course.prepare()
    assert not course.is_ready()


def test_torch_index_comes_first_and_under_the_constraints(course, commands):
    course.prepare("https://ejemplo.invalid/cpu")
    pip = ["-m", "pip", "install", "-c", "constraints.txt"]
    pip += [] if sys.dont_write_bytecode else ["--no-compile"]
    assert commands[1] == [*pip, "--no-deps", "--index-url", "https://ejemplo.invalid/cpu", "torch"]
    assert commands[2] == [*pip, "-e", ".[test]"]


def test_two_terminals_do_not_install_at_once(course, commands, capsys):
    with course.only_one():
        assert course.main(["probar"]) == 1
    assert commands == []
    assert "Otra terminal está preparando el entorno" in last_line(capsys)


# --- Cada fallo, una frase --------------------------------------------------------------------------


def test_old_python(course, capsys, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 8, 10, "final", 0))
    assert course.main([]) == 1
    line = last_line(capsys)
    assert "necesita Python 3.11" in line
    assert "este es Python 3.8.10" in line
    assert line.isascii()


@pytest.mark.parametrize("name", ["curso.py", "ajustes.py"])  # el primero importa el segundo
def test_old_python_can_read_the_file(name):
    # feature_version: la sintaxis de Python 3.6, aunque se lea con este.
    compile(ROOT.joinpath(name).read_text(encoding="utf-8"), name, "exec", _feature_version=6)


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_missing_module(course, capsys, monkeypatch, module):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else find_spec(name))
    assert course.main(["probar"]) == 1
    assert f"le falta el módulo «{module}»" in last_line(capsys)
    assert not course.VENV.exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        # El puerto 9 de este equipo no responde: es estar sin red, pero al instante.
        ({"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}, "no hay conexión"),
        ({"PIP_NO_INDEX": "1"}, "no ofrece «flit_core"),
    ],
)
def test_pip_cannot_find_the_packages(course, capfd, monkeypatch, settings, sentence):
    """Con el pip de verdad, el de este entorno, que no llega a instalar nada."""
    for name in [name for name in os.environ if name.startswith("PIP_") or name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)
    for name, value in {**settings, "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    real = course.watched

    def watched(task, command, settings=()):
        if "pip" in command:
            real(task, [*command[:-2], "--dry-run", "--ignore-installed", "flit_core"], settings)

    monkeypatch.setattr(course, "watched", watched)
    monkeypatch.setattr(course, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(course, "is_ready", lambda: False)
    assert course.main(["probar"]) == 1
    written = capfd.readouterr().err
    assert sentence in written.strip().splitlines()[-1]
    assert "Traceback" not in written
    assert not course.STAMP.exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "el disco está lleno"),
        ("ERROR: [Errno 13] Permission denied: '/curso/.venv'", "no hay permiso para escribir"),
        ("WARNING: NewConnectionError\nERROR: No matching distribution found for x", "no hay conexión"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no ofrece «torch==2.13.0»"),
        (
            "WARNING: NewConnectionError\nERROR: Cannot install torch, conflicting",
            "no se pueden instalar juntas",
        ),
        ("ERROR: HTTP error 403 while getting x", "no hay conexión"),
        ("OSError('Tunnel connection failed: 407 Proxy Authentication Required')", "no hay conexión"),
        ("ERROR: subprocess-exited-with-error", "líneas de arriba"),
        ("Error: [Errno 1] Operation not permitted: 'lib' -> '/usb/.venv/lib64'", "enlaces simbólicos"),
        ("OSError: [WinError 1314] A required privilege is not held by the client", "enlaces simbólicos"),
    ],
)
def test_failed_command_is_explained(course, capfd, output, sentence):
    code = f"import sys; print({output!r}, file=sys.stderr); sys.exit(1)"
    with pytest.raises(course.CourseError, match=f"No se pudo instalar: .*{sentence}"):
        course.watched("instalar", [sys.executable, "-c", code])
    assert output in capfd.readouterr().err


def test_nearly_full_disk_is_the_cause(course, monkeypatch):
    usage = shutil.disk_usage(course.ROOT)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "el disco está lleno" in course.explain("Error: Command failed")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "el disco está lleno"),
        (errno.EROFS, "no hay permiso para escribir"),
        (errno.EACCES, "no hay permiso para escribir"),
        (errno.EIO, "líneas de arriba"),
    ],
)
def test_system_error(course, capsys, monkeypatch, number, sentence):
    @contextlib.contextmanager
    def fails():
        raise OSError(number, os.strerror(number))
        yield

    monkeypatch.setattr(course, "only_one", fails)
    assert course.main(["probar"]) == 1
    assert sentence in last_line(capsys)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["provar"], "llegó «provar»"),
        (["--navegador"], "No existe la opción «--navegador»"),
        (["--sin-navegador=1"], "No existe la opción «--sin-navegador»"),
        (["--indice-torch"], "espera la URL de un índice"),
        (["--indice-torch", "probar"], "espera la URL de un índice"),
        (["--indice-torch", "https://"], "espera la URL de un índice"),
    ],
)
def test_wrong_arguments(course, commands, capsys, argv, sentence):
    assert course.main(argv) == 1
    assert sentence in last_line(capsys)
    assert commands == []


def test_ctrl_c(course, capsys, monkeypatch):
    def interrupted(torch_index):
        raise KeyboardInterrupt

    monkeypatch.setattr(course, "install", interrupted)
    assert course.main([]) == 130
    assert last_line(capsys).startswith("Interrumpido.")


def test_failed_check_names_its_reason(course, capsys, monkeypatch):
    monkeypatch.setattr(course, "prepare", lambda torch_index: None)
    monkeypatch.setattr(course, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(course, "call", lambda arguments: 0)
    (course.ROOT / "curso.py").write_text("def report(): raise ImportError('falta torch')")
    assert course.main([]) == 1
    assert "La comprobación falló: ImportError: falta torch." in last_line(capsys)


# --- Las órdenes ------------------------------------------------------------------------------------


@pytest.fixture
def calls(course, monkeypatch):
    """Lo que se ejecutaría en .venv, con 7 como código de salida."""
    ran = []
    monkeypatch.setattr(course, "prepare", lambda torch_index: None)
    monkeypatch.setattr(course, "check", lambda: None)
    monkeypatch.setattr(course, "call", lambda arguments: ran.append(arguments) or 7)
    return ran


def test_arguments_go_on_to_pytest(course, calls, monkeypatch):
    monkeypatch.chdir(course.ROOT)
    assert course.main(["probar", "-n", "2", "-k", "x y", "--sin-navegador"]) == 7
    assert calls[0][:3] == ["-m", "pytest", "--nbval"]
    assert calls[0][-5:] == ["-n", "2", "-k", "x y", "--sin-navegador"]


def test_from_another_folder_the_whole_suite_runs(course, calls, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    course.main(["probar", "-k", "x" * 300])
    assert calls[0][-3:] == ["x" * 300, str(course.ROOT / "tests"), str(course.ROOT / "notebooks")]


def test_paths_are_relative_to_the_users_folder(course, calls, monkeypatch, tmp_path):
    (tmp_path / "test_mine.py").touch()
    monkeypatch.chdir(tmp_path)
    course.main(["probar", "test_mine.py::test_one"])
    assert calls[0][-1] == "test_mine.py::test_one"
    assert str(course.ROOT / "tests") not in calls[0]


def test_regenerate_gets_its_notebooks(course, calls):
    assert course.main(["regenerar", "notebooks/06.ipynb"]) == 7
    assert calls == [[str(course.ROOT / "tests" / "regenerate.py"), "notebooks/06.ipynb"]]


def test_the_book_installs_what_it_needs_once(course, calls, commands, monkeypatch):
    assert course.main(["libro", "--pdf"]) == course.main(["libro"]) == 7
    assert calls[0] == [str(course.ROOT / "docs" / "sitio"), "--pdf"]
    pip = ["-m", "pip", "install", "-c", "constraints.txt"]
    assert [command[:5] for command in commands] == [pip, pip]
    assert {re.split("[<>=]", name)[0] for name in commands[0][5:]} >= {"sphinx", "myst-nb", "furo", "pypdf"}
    for name in course.EXTRAS["libro"][1]:
        (course.SITE_PACKAGES / name).mkdir()
        (course.SITE_PACKAGES / name / "__init__.py").touch()
    assert course.main(["libro"]) == 7
    assert len(commands) == 2


def test_the_built_book_is_opened_beside_the_lab(course, calls, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr(course.webbrowser, "open", opened.append)
    course.main([])
    assert (opened, capsys.readouterr().out) == ([], "")
    course.BOOK.parent.mkdir()
    course.BOOK.touch()
    course.main(["--sin-navegador"])
    assert opened == [] and str(course.BOOK) in capsys.readouterr().out
    course.main([])
    assert opened == [course.BOOK.as_uri()]


def test_lab_opens_the_index(course, calls):
    assert course.main([]) == 7
    assert course.main(["--sin-navegador"]) == 7
    assert calls[0][:2] == ["-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/notebooks/indice.md" in calls[0]
    assert f"--ServerApp.root_dir={course.ROOT}" in calls[0]
    assert "--no-browser" not in calls[0]
    assert calls[1] == [*calls[0], "--no-browser"]


def test_help_needs_no_environment(course, commands, capsys):
    assert course.main(["--ayuda"]) == 0
    assert "regenerar" in capsys.readouterr().out
    assert commands == []


def test_exit_code_and_streams_are_the_programs(course, capfd, monkeypatch):
    monkeypatch.setattr(course, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(course.signal, "signal", lambda number, handler: None)
    assert course.call(["-c", "import sys; print('hola'); sys.exit(5)"]) == 5
    assert capfd.readouterr().out == "hola\n"


FOREIGN = """
    VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONOPTIMIZE PYTHONWARNINGS PYTHONSAFEPATH
    PIP_USER PIP_TARGET PIP_REQUIREMENT PIP_CONSTRAINT PIP_NO_DEPS PIP_REQUIRE_VIRTUALENV
    JUPYTER_PATH JUPYTER_CONFIG_PATH JUPYTER_CONFIG_DIR JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR
    JUPYTERLAB_DIR JUPYTERLAB_SETTINGS_DIR JUPYTER_PREFER_ENV_PATH IPYTHONDIR MPLBACKEND
    MPLCONFIGDIR MATPLOTLIBRC PYTEST_ADDOPTS PYTEST_PLUGINS
"""
KEPT = """
    PIP_INDEX_URL PIP_PROXY PIP_CERT PIP_TRUSTED_HOST PIP_CACHE_DIR HTTPS_PROXY LC_ALL
    OMP_PROC_BIND ATEN_CPU_CAPABILITY PYTEST_XDIST_WORKER HOME PYTHONNOUSERSITE
"""


def test_foreign_settings_do_not_leak(copy, monkeypatch):
    for name in FOREIGN.split():
        monkeypatch.setenv(name, "ajeno")
    for name in KEPT.split():
        monkeypatch.setenv(name, "propio")
    environment = ajustes.environment(str(copy))
    assert environment["PIP_USER"] == "0"
    assert "ajeno" not in environment.values()
    assert {environment[name] for name in KEPT.split()} == {"propio"}


@pytest.mark.parametrize(
    ("name", "understood", "not_understood"),
    [
        ("OMP_NUM_THREADS", ["1", " 2 ", "2,1", "16"], ["", " ", "0", "-1", "dos", "1.5", "2,"]),
        ("OMP_WAIT_POLICY", ["passive"], ["", " "]),
        ("GOMP_SPINCOUNT", ["0"], [""]),
        ("OTRA", ["", "0"], []),
    ],
)
def test_what_libgomp_would_complain_about_does_not_reach_a_cell(
    name, understood, not_understood, copy, monkeypatch
):
    for value in understood + not_understood:
        monkeypatch.setenv(name, value)
        kept = ajustes.environment(str(copy)).get(name)
        assert kept == (value if value in understood else None), value


def test_the_programs_keep_their_settings_in_venv(course, copy):
    environment = ajustes.environment(str(copy))
    folders = [Path(environment[name]) for name in ajustes.OWN_FOLDERS]
    assert len(set(folders)) == 4
    assert {folder.parent.parent for folder in folders} == {course.VENV}
    assert folders[0].parent.name in course.VENV_CONTENTS  # si no, .venv no se podría rehacer
    assert not course.VENV.exists()  # preguntar no crea nada


def test_a_read_only_course_keeps_its_settings_in_a_copy(copy, monkeypatch):
    fonts = copy / ".venv" / ajustes.FOLDER / "matplotlib" / "fontlist.json"
    fonts.parent.mkdir(parents=True)
    fonts.write_text("{}")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    ajustes.settings_folder.cache_clear()
    folder = Path(ajustes.environment(str(copy))["MPLCONFIGDIR"])
    assert copy not in folder.parents
    assert (folder / "fontlist.json").read_text() == "{}"
    shutil.rmtree(folder.parent.parent)


def test_of_pips_files_only_where_to_download_from_is_read(course, copy, monkeypatch):
    """Con el pip de verdad, que lee un archivo con buenos y malos ajustes."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    file = copy / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a.invalid\ntarget = /otra\nuser = true\nconstraint = mías.txt\n"
        "find-links =\n    /uno\n    /dos\nproxy = http://b.invalid\n[install]\nno-deps = true\n"
        "index-url = https://c.invalid\n[download]\nno-index = true\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_PROXY", "http://d.invalid")
    monkeypatch.setattr(course, "VENV_PYTHON", sys.executable)
    found = course.pip_settings()
    assert ajustes.from_pip_config("") == {"PIP_CONFIG_FILE": os.devnull}  # pip no supo leerlos
    assert found.pop("PIP_FIND_LINKS").split() == ["/uno", "/dos"]
    # La sección de la orden vale más que la general, y la variable, más que el archivo.
    assert {"PIP_INDEX_URL": "https://c.invalid", "PIP_CONFIG_FILE": os.devnull}.items() <= found.items()
    refused = {"PIP_TARGET", "PIP_USER", "PIP_CONSTRAINT", "PIP_NO_DEPS", "PIP_NO_INDEX", "PIP_PROXY"}
    assert not refused & set(found)


# Sin modo UTF-8, como un Windows en cp1252: el Python que abre VS Code, o «pytest» escrito a mano.
OTHER_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_the_environments_python_finds_the_course_in_any_path_and_locale(course, copy, commands):
    course.prepare()
    (copy / "gpt_course.py").write_text("print('aquí'.encode())", encoding="utf-8")
    link = course.SITE_PACKAGES / "gpt_course.pth"
    relative = link.read_bytes()
    shutil.rmtree(course.VENV)
    venv.create(course.VENV, with_pip=False)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    reads_utf8 = sys.version_info >= (3, 13)  # desde ahí, Python lee los .pth en UTF-8
    for text, works in ((str(copy).encode(), reads_utf8), (relative, True)):
        link.write_bytes(text)
        code = "import gpt_course, sys; print(sys.modules.get('rfc3987_syntax', 'falta'))"
        command = [course.VENV_PYTHON, "-c", code]
        done = subprocess.run(command, cwd=copy.parent, env={**env, **OTHER_LOCALE}, capture_output=True)
        assert (done.returncode == 0) == works, done.stderr.decode("utf-8", "replace")
        assert (b"None" in done.stdout) == (text == relative)  # lo que tarda y no hace falta no se carga


@pytest.mark.parametrize(
    ("length", "enabled", "fits"), [(63, False, True), (64, False, False), (200, True, True)]
)
def test_on_windows_a_path_too_long_is_said_before_installing(course, monkeypatch, length, enabled, fits):
    monkeypatch.setattr(course.os, "name", "nt")
    monkeypatch.setattr(course, "ROOT", "x" * length)
    monkeypatch.setattr(course, "long_paths_are_enabled", lambda: enabled)
    if fits:
        return course.check_that_paths_fit()
    with pytest.raises(course.CourseError, match="tiene 64 caracteres, y en Windows caben 63"):
        course.check_that_paths_fit()


def test_the_stamp_is_the_same_in_any_locale(copy):
    command = [sys.executable, "-c", "import curso; print(curso.stamp())"]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    stamps = [
        subprocess.run(command, cwd=copy, env={**env, **locale}, capture_output=True, check=True).stdout
        for locale in ({}, OTHER_LOCALE)
    ]
    assert stamps[0] == stamps[1]


def test_up_to_date_course_writes_nothing(course, copy, commands):
    course.prepare()
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    course.prepare()
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_any_console_can_be_written(encoding, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    command = [sys.executable, "-c", "print('«ñ → 1»')"]
    done = subprocess.run(command, env=ajustes.environment(str(ROOT)), capture_output=True, check=True)
    assert done.stdout.strip() == "«ñ → 1»".encode(encoding, "replace")


def test_the_check_says_what_it_found(course, capsys):
    course.report()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Python 3.") and "PyTorch 2." in lines[0]
    assert "163,009,536" in lines[1]
    assert "17 tokens" in lines[2] and "3118" in lines[2]
    assert lines[3] == "Todo listo."


INTERRUPTED = """
import signal
import sys
import curso
# Quien se ejecuta en segundo plano («… &») nace sin oír Ctrl-C, y sus hijos también.
signal.signal(signal.SIGINT, signal.default_int_handler)
curso.VENV_PYTHON = sys.executable
curso.prepare = lambda index: None
sys.exit(curso.main(["regenerar"]))
"""


@pytest.mark.skipif(os.name == "nt", reason="en Windows no se puede enviar Ctrl-C a otro proceso")
@pytest.mark.parametrize(
    ("end", "code", "sentences"),
    [
        ("raise", 130, 1),  # muere por la señal
        ("sys.exit(2)", 130, 1),  # como pytest
        ("sys.exit(0)", 0, 0),  # como Jupyter: así se cierra
        ("print('Interrumpido.', file=sys.stderr); sys.exit(130)", 130, 1),  # ya lo dice él
    ],
)
def test_ctrl_c_in_the_terminal_says_interrupted_once(copy, end, code, sentences):
    program = f"""
import sys, time
try:
    print("lista", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    {end}
"""
    (copy / "tests").mkdir()
    (copy / "tests" / "regenerate.py").write_text(program, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == b"lista\n"
        os.killpg(process.pid, signal.SIGINT)  # como la terminal, a los dos
        written = process.communicate(timeout=120)[1].decode("utf-8")
    assert process.returncode == code
    assert written.count("Interrumpido") == sentences


WAITS = """
import subprocess, sys
sys.argv = ["curso.py"]
import curso
curso.listen_to_signals()
child = [sys.executable, "-c", "import time; print('lista', flush=True); time.sleep(600)"]
if {watched}:
    curso.watched("esperar", child)
else:
    curso.VENV_PYTHON = sys.executable
    sys.exit(curso.call(child[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="en Windows no hay SIGTERM que enviar")
@pytest.mark.parametrize("watched", [True, False])
def test_stopping_the_course_stops_what_it_started(watched):
    command = [sys.executable, "-c", WAITS.format(watched=watched)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout.readline() == b"lista\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 143
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # el grupo de procesos desaparece con el último
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("el programa hijo sigue vivo")
