"""Prepara el curso y lo abre. Solo usa la biblioteca estándar; sirve en Linux, macOS y Windows.

    python3 curso.py                       abre el curso en JupyterLab
    python3 curso.py probar [args…]        comprueba todas las salidas (los argumentos pasan a pytest)
    python3 curso.py probar --rapido       en un minuto: casi todas las lecciones y el modelo
    python3 curso.py regenerar [cuaderno…] vuelve a ejecutar los cuadernos y guarda sus salidas
    python3 curso.py progreso              dice qué ejercicios llevas, lección por lección
    python3 curso.py diploma --nombre …    corrige tus cuadernos y escribe una página con lo superado
    python3 curso.py paquete-alumno …      prepara el curso para repartirlo, sin soluciones
    python3 curso.py corregir ENTREGAS …   corrige los cuadernos que te entregan
    python3 curso.py examen [opciones]     escribe un examen para imprimir, con su clave
    python3 curso.py libro [--pdf]         hace del curso un sitio para leerlo sin ejecutar nada (en _site)
    python3 curso.py diapositivas …        las figuras y las frases de cada lección, para proyectar

Opciones, delante de la orden:
    --sin-navegador     no abre el navegador: muestra la dirección (para servidores)
    --indice-torch URL  índice del que bajar PyTorch al crear el entorno, por ejemplo el de CPU
    --ayuda             este texto

La primera vez crea .venv e instala ahí las versiones de constraints.txt: necesita red y unos minutos. Un
sello dice que está completa; si falta o no coincide (un corte, otra carpeta, otras versiones), se rehace.
"""

# Sin sintaxis posterior a Python 3.6: un Python antiguo debe llegar a leer el mensaje de old_python.
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path

import ajustes

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SITE_PACKAGES = (
    VENV / ("Lib" if os.name == "nt" else "lib/python{}.{}".format(*sys.version_info)) / "site-packages"
)
STAMP = VENV / "curso.sello"
OLDEST_PYTHON = (3, 11)
NEARLY_FULL = 20 * 2**20  # bytes
INDEX_URL = "/lab/tree/notebooks/indice.md"
# Lo que ejecuta cada orden, con el Python de .venv y los argumentos que le siguen.
PROGRAMS = {
    "regenerar": [str(ROOT / "tests" / "regenerate.py")],
    "progreso": ["-m", "gpt_course.classroom", "progreso"],
    "diploma": ["-m", "gpt_course.classroom", "diploma"],
    "paquete-alumno": ["-m", "gpt_course.classroom", "paquete-alumno"],
    "corregir": ["-m", "gpt_course.classroom", "corregir"],
    "examen": ["-m", "gpt_course.classroom", "examen"],
    "libro": [str(ROOT / "docs" / "sitio")],
    "diapositivas": ["-m", "gpt_course.classroom", "diapositivas"],
}
# El extra de pyproject.toml que pide una orden, que se instala al usarla, y lo que delata que falta.
EXTRAS = {"libro": ("libro", ("sphinx", "myst_nb", "furo", "pypdf"))}
BOOK = ROOT / "_site" / "index.html"
# Lo que delata una instalación a medias, y lo único que puede haber en una carpeta .venv que se rehace.
WITNESSES = ("torch", "tiktoken", "matplotlib", "jupyterlab", "nbclient", "nbval", "pytest")
VENV_CONTENTS = set(
    f"bin etc include lib lib64 scripts share pyvenv.cfg .gitignore {STAMP.name} {ajustes.FOLDER}".split()
)
# Jupyter y nbval cargan jsonschema, que con esta biblioteca tarda segundos más y se pasa sin ella: solo mira
# si está bien escrita una dirección con letras de cualquier alfabeto, y aquí no hay ninguna.
WITHOUT_IRI = "import sys; sys.modules.setdefault('rfc3987_syntax')\n"
# Lo que se carga al abrir y al comprobar el curso: se compila al instalar, y lo demás, si llega a usarse. pip
# lo compilaría todo, 220 MB de código, en un solo proceso: buena parte de lo que tarda en instalar.
USED = (
    *("ipykernel.zmqshell", "jupyterlab.labapp", "matplotlib.pyplot", "nbclient", "nbval.plugin", "tiktoken"),
    *("torch._dynamo", "torch.utils.flop_counter", "transformers.models.gpt2.modeling_gpt2"),
)
# Lo que falle se dirá cuando haga falta. En ASCII: es un argumento, y con LC_ALL=C no cabe otra cosa.
LOAD = """import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(Exception):
        importlib.import_module(name)
"""
LONGEST_INSIDE = 189  # lo que mide en Windows la ruta más larga de .venv (de torch); el total no pasa de 259

# Sin avisos ni búsqueda de versiones nuevas, porque en muchas aulas no hay red; y el índice se abre
# para leer: con «?factory=Markdown%20Preview» en INDEX_URL, la dirección que imprime Jupyter sale rota.
LAB_SETTINGS = """{
  "@jupyterlab/apputils-extension:notification": {"checkForUpdates": false, "fetchNews": "false"},
  "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
  "@jupyterlab/translation-extension:plugin": {"locale": "es_ES"}
}
"""

NO_SPACE = "el disco está lleno. Libera espacio (README.md dice cuánto hace falta) y repite la orden."
# El orden importa: sin red, pip también dice que no encuentra el paquete.
CAUSES = {
    r"Cannot install (\S+)|ResolutionImpossible": (
        "las versiones de constraints.txt no se pueden instalar juntas desde ese índice de paquetes. "
        "Comprueba el índice y repite la orden."
    ),
    r"No space left on device|Errno 28\b|WinError 112\b|Disk quota exceeded": NO_SPACE,
    r"Errno 1\b.* -> |symbolic link|WinError 1314\b": (
        "este disco no admite enlaces simbólicos, que .venv necesita (les pasa a las memorias USB). Copia la "
        "carpeta del curso al disco del equipo y repite la orden ahí."
    ),
    r"Permission denied|Read-only file system|Errno (?:13|30)\b|WinError (?:5|32)\b": (
        "no hay permiso para escribir en la carpeta del curso. Cierra JupyterLab si está abierto, o copia "
        "el curso a una carpeta tuya, y repite la orden."
    ),
    r"Connection\w*Error|NewConnection|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Max retries|"
    r"Tunnel connection failed|HTTP error 40[137]|40[137] Client Error": (
        "no hay conexión con el índice de paquetes. La primera vez hace falta red: comprueba la conexión "
        "o el proxy y repite la orden."
    ),
    r"No matching distribution found for (\S+)": (
        "el índice de paquetes no ofrece «{}» para este equipo y este Python. Comprueba el índice y la red, "
        "o prueba otra versión de Python, y repite la orden."
    ),
}
UNKNOWN = "el motivo está en las líneas de arriba. Corrígelo y repite la orden: .venv se rehará entera."


class CourseError(Exception):
    """Algo que el usuario puede arreglar; el texto dice qué se esperaba, qué pasó y qué hacer."""


def main(argv):
    if sys.version_info < OLDEST_PYTHON:
        return fail(old_python())
    for stream in filter(None, (sys.stdout, sys.stderr)):  # una consola antigua no tiene todos los signos
        stream.reconfigure(errors="replace")
    try:
        return run(*parse(argv))
    except BrokenPipeError:  # quien leía la salida (less, head) ya se fue
        return 0
    except CourseError as error:
        return fail(error)
    except OSError as error:
        return fail(f"{error}\nNo se pudo continuar: {explain(str(error))}")
    except KeyboardInterrupt:
        return fail("Interrumpido. Repite la orden cuando quieras: lo que quedó a medias se rehará.", 130)


def fail(message, code=1):
    print(f"\n{message}", file=sys.stderr)
    return code


def old_python():
    # Sin tildes: un Python antiguo puede no saber escribirlas en la consola.
    found, wanted = (".".join(map(str, numbers)) for numbers in (sys.version_info[:3], OLDEST_PYTHON))
    return (
        f"El curso necesita Python {wanted} o posterior y este es Python {found}. "
        "Instala uno reciente y repite la orden con ese."
    )


def explain(text):
    """La causa que el usuario puede arreglar, buscada en lo que dijeron pip o el sistema."""
    # Al crear .venv con el disco lleno, Python no dice la causa: se mira el disco.
    if shutil.disk_usage(str(ROOT)).free < NEARLY_FULL:
        return NO_SPACE
    for pattern, sentence in CAUSES.items():
        match = re.search(pattern, text)
        if match:
            return sentence.format(*match.groups())
    return UNKNOWN


def parse(argv):
    """De los argumentos a (orden, sus argumentos, opciones)."""
    options = {"browser": True, "torch_index": None}
    rest = list(argv)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        if name == "--indice-torch":
            options["torch_index"] = value if equals else (rest.pop(0) if rest else "")
            if not re.match(r"[a-z+]+://[^/]", options["torch_index"]):
                raise CourseError("--indice-torch espera la URL de un índice y no la recibió.")
        elif name == "--sin-navegador" and not equals:
            options["browser"] = False
        elif name in ("--ayuda", "--help", "-h"):
            return "ayuda", [], options
        else:
            raise CourseError(f"No existe la opción «{name}». Mira las que hay con: python3 curso.py --ayuda")
    command, arguments = (rest[0], rest[1:]) if rest else ("abrir", [])
    if command not in ("probar", *PROGRAMS) and rest:
        known = ", ".join(f"«{name}»" for name in ("probar", *PROGRAMS))
        raise CourseError(
            f"Se esperaba {known} o nada, y llegó «{command}». Mira las órdenes con: python3 curso.py --ayuda"
        )
    return command, arguments, options


def run(command, arguments, options):
    if command == "ayuda":
        print(__doc__)
        return 0
    prepare(options["torch_index"])
    if command == "probar":
        return call(["-m", "pytest", "--nbval", *test_arguments(arguments)])
    if command in EXTRAS:
        install_extra(*EXTRAS[command])
    if command in PROGRAMS:
        return call([*PROGRAMS[command], *arguments])
    check()
    offer_the_book(options["browser"])
    return call(["-m", "jupyterlab", *lab_arguments(options["browser"])])


# --- El entorno -------------------------------------------------------------------------------------


def prepare(torch_index=None):
    """Deja .venv completa y sellada; si ya lo está, no escribe nada."""
    if is_ready():
        if torch_index:
            print("PyTorch ya está en .venv. Para cambiarlo, borra la carpeta .venv y repite la orden.")
        return
    check_that_venv_is_ours()
    check_that_paths_fit()
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise CourseError(
                f"A este Python le falta el módulo «{module}», que hace falta para crear .venv. "
                "Instálalo (en Debian y Ubuntu: sudo apt install python3-venv) y repite la orden."
            )
    with only_one():
        if not is_ready():  # otra terminal pudo terminarlo mientras tanto
            install(torch_index)


def is_ready():
    whole = all((SITE_PACKAGES / name / "__init__.py").is_file() for name in WITNESSES)
    return VENV_PYTHON.is_file() and whole and STAMP.is_file() and STAMP.read_bytes() == stamp().encode()


def check_that_venv_is_ours():
    """Rehacer .venv la borra: antes se mira que no haya nada que no sea de un entorno de Python."""
    found = {path.name.lower() for path in VENV.iterdir()} if VENV.is_dir() else set()
    if VENV.is_symlink() or VENV.is_file() or not found <= VENV_CONTENTS:
        raise CourseError(
            "El curso guarda su entorno en la carpeta .venv, y la que hay contiene otra cosa. Cámbiale el "
            "nombre y repite la orden."
        )


def check_that_paths_fit():
    length, room = len(str(ROOT)), 259 - LONGEST_INSIDE - len("/.venv/")
    if os.name == "nt" and length > room and not long_paths_are_enabled():
        raise CourseError(
            f"La ruta de la carpeta del curso tiene {length} caracteres, y en Windows caben {room}. Cópiala "
            "a una más corta, como C:\\gpt, y repite la orden ahí."
        )


def long_paths_are_enabled():
    import ctypes

    return bool(ctypes.windll.ntdll.RtlAreLongPathsEnabled() & 1)


def stamp():
    """Huella de todo lo que decide el contenido de .venv; la ruta, porque .venv no se puede mover."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update(hashlib.sha256((ROOT / name).read_bytes()).digest())
    # fsencode: los mismos bytes con cualquier configuración regional.
    digest.update(sys.implementation.cache_tag.encode() + b" " + os.fsencode(str(ROOT)))
    return digest.hexdigest()


@contextlib.contextmanager
def only_one():
    """Impide que dos terminales instalen a la vez. El sistema suelta el cerrojo aunque el proceso muera."""
    with open(ROOT / "constraints.txt", "r+b") as file:
        try:
            if os.name == "nt":
                import msvcrt

                file.seek(1 << 30)  # más allá del final: en Windows, lo cerrado no se puede leer
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise CourseError(
                "Otra terminal está preparando el entorno. Espera a que termine y repite la orden."
            ) from None
        yield


def install(torch_index):
    print("Preparo el entorno en .venv: tarda unos minutos. No cierres esta ventana.", flush=True)
    complete = stamp()
    STAMP.unlink(missing_ok=True)  # lo primero: desde aquí hasta el final, .venv está a medias
    # El Python de fuera: el de .venv no puede borrarse a sí mismo.
    python = getattr(sys, "_base_executable", None) or sys.executable
    watched("crear .venv", [python, "-m", "venv", "--clear", str(VENV)])
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "-c", "constraints.txt"]
    if not sys.dont_write_bytecode:  # con PYTHONDONTWRITEBYTECODE no se guardaría lo que se compile después
        pip.append("--no-compile")
    if torch_index:
        # --no-deps: un índice de PyTorch no tiene por qué llevar lo demás en las versiones del curso.
        watched("instalar PyTorch", [*pip, "--no-deps", "--index-url", torch_index, "torch"], pip_settings())
    watched("instalar los paquetes", [*pip, "-e", ".[test]"], pip_settings())
    # pip apunta la ruta entera, y si lleva una Á hay Python que no arranca: basta la relativa, que es ASCII.
    link = os.path.relpath(str(ROOT), str(SITE_PACKAGES))
    (SITE_PACKAGES / "gpt_course.pth").write_text(link + "\n" + WITHOUT_IRI)
    # matplotlib busca las letras del equipo la primera vez, y puede avisarlo dentro de un cuaderno.
    watched("preparar las figuras", [str(VENV_PYTHON), "-c", "import matplotlib.font_manager"])
    watched("preparar los paquetes", [str(VENV_PYTHON), "-c", LOAD, *USED])
    settings = VENV / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "overrides.json").write_text(LAB_SETTINGS)
    STAMP.write_text(complete)


def install_extra(extra, witnesses):
    """Instala los paquetes de un extra de pyproject.toml, si falta alguno, sin tocar los demás."""
    if all((SITE_PACKAGES / name / "__init__.py").is_file() for name in witnesses):
        return
    import tomllib  # no lo tiene un Python anterior al 3.11, que solo llega a leer el mensaje de old_python

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    print("Instalo lo que esta orden necesita: hace falta red, solo esta vez.", flush=True)
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "-c", "constraints.txt"]
    with only_one():
        watched("instalar los paquetes", [*pip, *project["optional-dependencies"][extra]], pip_settings())


def pip_settings():
    """De los archivos de pip del usuario, lo mismo que de sus variables PIP_*."""
    command = [str(VENV_PYTHON), "-m", "pip", "config", "list"]
    env = dict(ajustes.environment(str(ROOT)), PYTHONIOENCODING="utf-8")
    listed = subprocess.run(command, cwd=str(ROOT), env=env, stdout=subprocess.PIPE)
    return ajustes.from_pip_config(listed.stdout.decode("utf-8"))


def watched(task, command, settings=()):
    """Ejecuta una orden a la vista y, si falla, busca la causa en lo que escribió como errores."""
    errors = []
    env = dict(ajustes.environment(str(ROOT)), **dict(settings))
    with subprocess.Popen(command, cwd=str(ROOT), env=env, stderr=subprocess.PIPE) as process:
        try:
            for line in process.stderr:
                errors.append(line.decode("utf-8", "replace"))
                print(errors[-1], end="", file=sys.stderr, flush=True)
            process.wait()
        except BaseException:  # también Ctrl-C: pip no debe seguir escribiendo solo
            process.terminate()
            process.wait()
            raise
    if process.returncode != 0:
        raise CourseError(f"No se pudo {task}: {explain(''.join(errors))}")


# --- Las órdenes ------------------------------------------------------------------------------------


def call(arguments):
    """Ejecuta el Python del curso con el teclado y la pantalla del usuario; devuelve su código de salida."""
    interrupted = []
    with subprocess.Popen([str(VENV_PYTHON), *arguments], env=ajustes.environment(str(ROOT))) as process:
        # Ctrl-C ya le llega al programa (Jupyter pregunta, pytest resume): aquí se espera a que acabe.
        signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        process.wait()
    if interrupted and process.returncode not in (0, 130):  # con 130, ya lo ha dicho el programa
        raise KeyboardInterrupt
    # Un programa que muere por una señal da −n; en la terminal eso se escribe 128 + n.
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def test_arguments(arguments):
    """Sin rutas y desde otra carpeta, pytest miraría esa carpeta: se le dan las del curso."""
    config = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    # Tantos procesos como convenga (lo decide conftest.py), salvo que el usuario pida otra cosa detrás.
    if "no:xdist" not in "".join(arguments):
        config += ["-n", "auto"]
    # os.path.exists y no Path.exists: un argumento muy largo (-k …) no es un error.
    values = {index + 1 for index, text in enumerate(arguments) if text in ("-k", "-m", "-n", "-p", "--dist")}
    words = [text for index, text in enumerate(arguments) if index not in values]
    if Path.cwd() == ROOT or any(os.path.exists(text.split("::")[0]) for text in words):
        return [*config, *arguments]
    return [*config, *arguments, str(ROOT / "tests"), str(ROOT / "notebooks")]


def lab_arguments(browser):
    arguments = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={INDEX_URL}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # lo normal en un contenedor; Jupyter lo pide explícito
        arguments.append("--allow-root")
    return arguments if browser else [*arguments, "--no-browser"]


def offer_the_book(browser):
    """Si el libro está construido, dice dónde y lo abre al lado de JupyterLab."""
    if BOOK.is_file():
        print(f"El libro, para leer sin ejecutar: {BOOK}")
        if browser:
            webbrowser.open(BOOK.as_uri())


def check():
    """Comprueba el entorno con su propio Python y lo cuenta."""
    command = [str(VENV_PYTHON), "-c", "import curso; curso.report()"]
    # cwd: «-c» busca primero en la carpeta actual, que podría tener otro curso.py.
    done = subprocess.run(command, cwd=str(ROOT), env=ajustes.environment(str(ROOT)), stderr=subprocess.PIPE)
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise CourseError(
            f"La comprobación falló: {reason}. Si cambiaste gpt_course, revisa el cambio; si no, borra la "
            "carpeta .venv y repite la orden."
        )


def report():
    import torch

    from gpt_course.config import GPT_CONFIG_124M
    from gpt_course.model import GPTModel
    from gpt_course.tokenizer import load_gpt2_tokenizer

    with torch.device("meta"):  # las formas de verdad, sin reservar su memoria
        model = GPTModel(GPT_CONFIG_124M)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    sentence = "Un modelo de lenguaje predice el siguiente token."
    tokens = load_gpt2_tokenizer().encode(sentence)
    print(f"Python {'.'.join(map(str, sys.version_info[:3]))} · PyTorch {torch.__version__}")
    print(f"GPT-2 pequeño: {parameters:,} parámetros (la lección 06 cuenta por qué se dice 124M)")
    print(f"«{sentence}» → {len(tokens)} tokens: {tokens}")
    print("Todo listo.")


def listen_to_signals():
    """Quien cierra la ventana o detiene el curso no deja un pip escribiendo solo."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))


if __name__ == "__main__":
    listen_to_signals()
    sys.exit(main(sys.argv[1:]))
