"""Lo que comparten las pruebas: figuras sin ventanas, que se cierran al acabar cada una."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

matplotlib.use("Agg")
pytest.register_assert_rewrite("answers")  # antes de importarlos: un `assert` que falla dice qué comparaba


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
