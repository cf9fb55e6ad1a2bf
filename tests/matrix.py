"""Toda la suite en las condiciones en que debe dar lo mismo. Se ejecuta a mano, con el Python de .venv.

    .venv/bin/python tests/matrix.py               todas las filas
    .venv/bin/python tests/matrix.py ensayo ruta   solo esas filas

Al final imprime una tabla; el código de salida es 0 solo si pasaron todas. Una fila que no se puede
ejecutar en este sistema dice por qué y cuenta como fallo: no se ha comprobado nada.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE = [sys.executable, "curso.py", "probar"]
# Lo que el ensayo cambia solo lo nota PyTorch, y estas no calculan con él: no las repite. Se apuntan de una
# en una, y tests/test_conftest.py mira que ninguna use PyTorch ni lo que calcula del paquete.
SAME_ON_EVERY_PROCESSOR = {
    "test_architecture.py": "quién importa a quién",
    "test_command.py": "cómo se leen las opciones de una orden",
    "test_conftest.py": "qué se ejecuta y con qué tolerancia",
    "test_curso.py": "instalar y abrir el curso",
    "test_data_cli.py": "de textos a enteros en un archivo",
    "test_environment.py": "las versiones de los paquetes",
    "test_exercises_reading.py": "cómo se lee una respuesta",
    "test_files.py": "las huellas de los archivos",
    "test_kernels.py": "cómo nace el núcleo de un cuaderno",
    "test_manifest.py": "los textos que salen del manifiesto",
    "test_memory_advice.py": "cuentas con enteros, sin modelo",
    "test_memory_report.py": "la tabla de esas cuentas",
    "test_notebooks.py": "la estructura de los cuadernos; sus celdas sí se repiten",
    "test_plotting_attention.py": "una figura de números dados",
    "test_plotting_bench.py": "una figura de números dados",
    "test_plotting_block.py": "una figura de números dados",
    "test_plotting_cache.py": "una figura de números dados",
    "test_plotting_embeddings.py": "una figura de números dados",
    "test_plotting_inside.py": "una figura de números dados",
    "test_plotting_layers.py": "una figura de números dados",
    "test_plotting_memory.py": "una figura de números dados",
    "test_plotting_sampling.py": "una figura de números dados",
    "test_plotting_tensors.py": "una figura de números dados",
    "test_plotting_tokenization.py": "una figura de números dados",
    "test_plotting_training.py": "una figura de números dados",
    "test_plotting_tying.py": "una figura de números dados",
    "test_plotting_weights.py": "una figura de números dados",
    "test_prose.py": "los números de los textos",
    "test_spanish.py": "las palabras de los textos",
    "test_stories.py": "la gramática: palabras, y cuentas de Python",
    "test_style.py": "el formato del código",
    "test_tokenizer.py": "de texto a enteros y al revés",
    "test_tolerance.py": "cuándo dos salidas son la misma",
}
# Tampoco estas: no prueban cuentas de PyTorch, sino páginas, textos, procesos que corrigen o memoria.
NOT_IN_TORCH = {
    "test_classroom.py": "las órdenes del aula",
    "test_classroom_diploma.py": "una página",
    "test_classroom_exam.py": "un examen impreso",
    "test_classroom_grading.py": "procesos, permisos y plazos",
    "test_classroom_package.py": "qué archivos se reparten",
    "test_classroom_questions.py": "el banco de preguntas",
    "test_classroom_slides.py": "las diapositivas",
    "test_explorador.py": "una página, en el navegador",
    "test_libro.py": "el sitio",
    "test_memoria_html.py": "una página, en el navegador",
    "test_memory_resident.py": "la memoria de un proceso, no lo que calcula",
    "test_sitio.py": "el sitio, en el navegador",
    "test_sitio_pdf.py": "el PDF",
    "test_workflows.py": "lo que GitHub ejecuta",
}
# Lo que decide cómo se calcula: cada fila pone lo suyo y no hereda lo demás.
NUMERIC_SETTINGS = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "OMP_NUM_THREADS",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
)
# PyTorch y oneDNN, lo mismo: si no, en un procesador con AMX la atención en bf16 de PyTorch se detiene
# («pack_vnni2 is only supported…»), porque oneDNN le dice que lo hay.
BASIC = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


class CannotRun(Exception):
    """La fila no se puede ejecutar en este sistema; el texto dice por qué."""


def with_settings(command=SUITE, **settings):
    check_capability(settings)
    return execute(command, settings)


def rehearsal():
    """El ensayo de CI: lo que calcula, con las instrucciones más básicas, un hilo y sin red."""
    numeric = [*SUITE, *(f"--ignore=tests/{name}" for name in (*SAME_ON_EVERY_PROCESSOR, *NOT_IN_TORCH))]
    return with_settings(without_network(numeric), **BASIC, OMP_NUM_THREADS="1")


def odd_path():
    """Una copia en otra ruta, con su propio .venv recién instalado (necesita red y espacio)."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "año 1, lección de GPT, Ángel Íñiguez"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
        return execute(SUITE, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, cwd=copy)


def zip_copy(inside_a_repository):
    """El zip que descarga quien no usa git, desempaquetado y ya usado; con este mismo entorno."""
    with tempfile.TemporaryDirectory() as folder:
        archive, copy = Path(folder) / "curso.zip", Path(folder) / "apuntes" / "curso"
        subprocess.run(["git", "-C", ROOT, "archive", "-o", archive, "HEAD"], check=True)
        shutil.unpack_archive(archive, copy)
        study(copy)
        if inside_a_repository:
            subprocess.run(["git", "-C", copy.parent, "init", "-q"], check=True)
            subprocess.run(["git", "-C", copy.parent, "add", "."], check=True)
        return execute([sys.executable, "-m", "pytest", "--nbval"], {"PYTHONPATH": str(copy)}, cwd=copy)


def study(course):
    """Deja en una copia lo que quien estudia: copias de cuadernos, apuntes y respuestas a medias."""
    for folder in ("notebooks", "notebooks/soluciones"):
        lesson = course / folder / "00_bienvenida.ipynb"
        text = lesson.read_text(encoding="utf-8").replace("respuesta = ...", "respuesta = 1 / 0")
        lesson.with_name("00_bienvenida-Copy1.ipynb").write_text(text.replace("✓", "✗"), encoding="utf-8")
        lesson.write_text(text, encoding="utf-8")
        (course / folder / "apuntes.py").write_text("import os; x=1")


def foreign_home():
    """Una carpeta personal con ajustes que cambiarían lo que se imprime y cómo es una figura."""
    with tempfile.TemporaryDirectory() as home:
        for name, text in {
            ".config/matplotlib/matplotlibrc": "savefig.dpi: 20",
            ".ipython/profile_default/ipython_config.py": "c.InlineBackend.figure_formats = {'svg'}",
            ".jupyter/jupyter_server_config.py": "c.ServerApp.preferred_dir = '/no/existe'",
            ".local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["false"], "display_name": "x"}',
        }.items():
            (Path(home) / name).parent.mkdir(parents=True)
            (Path(home) / name).write_text(text)
        return execute(SUITE, {"HOME": home, "JUPYTER_PATH": f"{home}/.local/share/jupyter"})


def read_only():
    """El mismo directorio, montado de solo lectura: los permisos no detendrían al usuario root."""
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && shift && exec "$@"'
    return execute([*namespace("-rm"), "sh", "-c", script, "sh", str(ROOT), *SUITE])


def plain_pytest(folder):
    return execute([str(Path(sys.executable).with_name("pytest")), "--nbval"], cwd=ROOT / folder)


def whole_book():
    """El PDF del curso entero; la suite imprime solo unas páginas."""
    return with_settings([*SUITE, "tests/test_sitio_pdf.py"], GPT_CURSO_PDF="entero", GPT_CURSO_NAVEGADOR="1")


ROWS = {
    "ensayo": rehearsal,
    "basico": lambda: with_settings(**BASIC),
    "avx2": lambda: with_settings(**AVX2),
    "un-hilo": lambda: with_settings(OMP_NUM_THREADS="1"),
    "dos-hilos": lambda: with_settings([*SUITE, "-n", "0"], OMP_NUM_THREADS="2"),
    "mkl": lambda: with_settings(MKL_CBWR="COMPATIBLE"),
    "sin-red": lambda: execute(without_network(SUITE)),
    "ruta": odd_path,
    "zip": lambda: zip_copy(inside_a_repository=False),
    "zip-en-otro-repo": lambda: zip_copy(inside_a_repository=True),
    "otra-casa": foreign_home,
    "solo-lectura": read_only,
    "un-proceso": lambda: execute([*SUITE, "-n", "0"]),
    "pytest-raiz": lambda: plain_pytest("."),
    "pytest-cuadernos": lambda: plain_pytest("notebooks"),
    "pdf": whole_book,
}


def execute(command, settings=(), cwd=ROOT):
    """Código de salida de una orden, con su salida a la vista."""
    return subprocess.call(command, cwd=cwd, env=row_environment(settings))


def row_environment(settings):
    kept = {name: value for name, value in os.environ.items() if name not in NUMERIC_SETTINGS}
    return {**kept, **dict(settings)}


def check_capability(settings):
    """PyTorch pasa por alto un juego de instrucciones que el procesador no tiene: se le pregunta antes."""
    wanted = settings.get("ATEN_CPU_CAPABILITY")
    if wanted:
        code = "import torch; print(torch.backends.cpu.get_cpu_capability())"
        command = [sys.executable, "-c", code]
        found = subprocess.run(
            command, env=row_environment(settings), check=True, capture_output=True, text=True
        )
        if found.stdout.strip().lower() != wanted:
            raise CannotRun(f"se pidió {wanted} y este procesador da {found.stdout.strip()}")


def without_network(command):
    return [*namespace("-rn"), sys.executable, str(Path(__file__)), "--con-lo", *command]


def namespace(flags):
    """Prefijo que ejecuta una orden en un espacio propio de Linux (red o montajes)."""
    prefix = ["unshare", flags]
    if shutil.which("unshare") is None:
        raise CannotRun("hace falta «unshare», que es de Linux")
    trial = subprocess.run([*prefix, "true"], capture_output=True, text=True)
    if trial.returncode != 0:
        raise CannotRun(f"este sistema no permite «unshare {flags}»: {trial.stderr.strip()}")
    return prefix


def with_loopback(command):
    """Activa la red del propio equipo, con la que Jupyter habla con su núcleo, y ejecuta la orden."""
    import fcntl
    import socket
    import struct

    set_flags, up_and_running = 0x8914, 0x41  # SIOCSIFFLAGS; IFF_UP | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        fcntl.ioctl(link, set_flags, struct.pack("16sH14x", b"lo", up_and_running))
    os.execvp(command[0], command)


def main(names):
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        print(f"No existe la fila «{unknown[0]}». Las que hay: {', '.join(ROWS)}.", file=sys.stderr)
        return 2
    results = []
    for name in names or ROWS:
        print(f"\n=== {name} ===", flush=True)
        start = time.monotonic()
        try:
            code = ROWS[name]()
            result = "pasa" if code == 0 else f"FALLA (código {code})"
        except CannotRun as reason:
            result = f"FALLA: no se puede ejecutar, {reason}"
        results.append((name, time.monotonic() - start, result))
    print("\nfila              segundos  resultado")
    for name, seconds, result in results:
        print(f"{name:<17} {seconds:>8.0f}  {result}")
    return 0 if all(result == "pasa" for _, _, result in results) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--con-lo"]:
        with_loopback(sys.argv[2:])
    sys.exit(main(sys.argv[1:]))
