"""Qué ajustes del usuario llegan a los programas del curso. Lo usan curso.py y conftest.py.

Llegan los que dicen de dónde y cómo descargar, en qué letra escribir y cómo calcular. Los demás (de Python,
pip, Jupyter, IPython, matplotlib y pytest) cambiarían lo que se instala, lo que imprime una celda o cómo es
una figura: el curso no los lee, y guarda los suyos en .venv, nunca en la carpeta personal.
"""

# Sin sintaxis posterior a Python 3.6, como curso.py. `root` es la carpeta del curso, en texto.
import ast
import atexit
import functools
import os
import re
import shutil
import sys
import tempfile

FOLDER = "ajustes"  # dentro de .venv
# De los ajustes de pip se respeta de dónde y cómo descargar, no dónde ni qué instalar.
PIP_DOWNLOAD = re.compile(
    r"PIP_(.*(INDEX|LINKS|PROXY|CERT|HOST|CACHE|TIMEOUT|RETRIES|CONFIG|KEYRING|FEATURE|DEPRECATED).*)"
)
FOREIGN = re.compile(
    r"PYTHON(?!IOENCODING|DONTWRITEBYTECODE|PYCACHEPREFIX|NOUSERSITE).*|VIRTUAL_ENV|__PYVENV_LAUNCHER__|"
    r"PIP_.*|JUPYTER_.*|JUPYTERLAB_.*|IPYTHON.*|MPL.*|MATPLOTLIBRC|"
    r"PYTEST_(ADDOPTS|PLUGINS|DISABLE_PLUGIN_AUTOLOAD)"
)
THREADS = re.compile(r"\s*[1-9]\d*(\s*,\s*[1-9]\d*)*\s*")
OWN_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "jupyter",
    "JUPYTER_DATA_DIR": "jupyter-datos",
    "IPYTHONDIR": "ipython",
    "MPLCONFIGDIR": "matplotlib",
}


def environment(root):
    """Las variables del usuario que no cambian el curso, y las del curso."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if (PIP_DOWNLOAD.fullmatch(name) or not FOREIGN.fullmatch(name)) and is_understood(name, value)
    }
    folder = settings_folder(root)
    kept.update({name: os.path.join(folder, own) for name, own in OWN_FOLDERS.items()})
    kept.update(PYTHONPATH=root, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    # Los archivos y las rutas, en UTF-8 con cualquier configuración regional; en pantalla, la letra que pida
    # el usuario o la de su consola. Los signos que no tenga se cambian por «?» en vez de fallar.
    console = os.environ.get("PYTHONIOENCODING", "").partition(":")[0] or getattr(sys.stdout, "encoding", "")
    kept.update(PYTHONUTF8="1", PYTHONIOENCODING=(console or "utf-8") + ":replace")
    return kept


def is_understood(name, value):
    """Si libgomp entiende esa variable: de la que no, avisa en la primera celda, y no la usa."""
    if name == "OMP_NUM_THREADS":
        return bool(THREADS.fullmatch(value))
    return bool(value.strip()) or not name.startswith(("OMP_", "GOMP_"))


@functools.lru_cache(maxsize=1000)  # la copia de una carpeta es siempre la misma
def settings_folder(root):
    """La carpeta de ajustes; si el curso es de solo lectura, una copia que dura lo que este proceso."""
    venv = os.path.join(root, ".venv")
    folder = os.path.join(venv, FOLDER)
    if os.access(venv if os.path.isdir(venv) else root, os.W_OK):
        return folder
    temporary = tempfile.mkdtemp(prefix="gpt-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    copied = os.path.join(temporary, FOLDER)
    if os.path.isdir(folder):
        shutil.copytree(folder, copied)
    return copied


def from_pip_config(listed):
    """Lo que se respeta de los archivos de pip, según `pip config list`, como variables PIP_*."""
    kept = {}
    for name, value in re.findall(r"^(?:global|install)\.(\S+?)=(.*?)\r?$", listed, flags=re.M):
        variable = "PIP_" + name.upper().replace("-", "_")
        if PIP_DOWNLOAD.fullmatch(variable) and variable not in os.environ:
            kept[variable] = ast.literal_eval(value)
    kept["PIP_CONFIG_FILE"] = os.devnull  # y lo demás, pip no lo lee
    return kept
