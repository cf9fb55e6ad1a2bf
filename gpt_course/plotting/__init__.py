"""Las figuras del curso: esquemas de cajas y gráficos de datos. Cada función devuelve sus ejes."""

from gpt_course.plotting.charts import plot_parameters, plot_probabilities, plot_shared_matrix
from gpt_course.plotting.diagrams import draw_architecture, draw_generation, draw_map

__all__ = [
    "draw_architecture",
    "draw_generation",
    "draw_map",
    "plot_parameters",
    "plot_probabilities",
    "plot_shared_matrix",
]
