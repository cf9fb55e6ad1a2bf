"""La celda de un ejercicio que falla antes de llegar a `check` también lo cuenta en español.

Pasa sobre todo tras reiniciar, cuando aún no existe ni `check`. IPython carga esta extensión al arrancar el
núcleo, porque lo dice `exercises/grading/arranque/etc/ipython/ipython_config.json`, que pip copia en el
entorno del curso. Lo demás no se carga hasta que hace falta: un cuaderno que no use torch no lo espera.
"""

import re

EXERCISE = re.compile(r'^check\("([^"]+)"', flags=re.M)


def load_ipython_extension(shell):
    shell.set_custom_exc((Exception,), _tell)


def _tell(shell, kind, error, trace, tb_offset=None):
    """En la celda de un ejercicio, una frase; en las demás, el error de siempre."""
    name = EXERCISE.search(shell.history_manager.input_hist_raw[-1])
    if name:
        from gpt_course.exercises.grading.errors import cell_error
        from gpt_course.exercises.grading.verdict import Verdict

        Verdict("✗", name[1], cell_error(error)).show()
    else:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset, running_compiled_code=True)
