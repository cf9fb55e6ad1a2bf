"""El mapa del GPT como navegación: encima de cada pieza del dibujo, un enlace a su lección."""

import re
from html import escape

from gpt_course.plotting.diagrams import MAP_PIECES

# El lienzo de draw_map: el ancho y el alto del dibujo, y las coordenadas de sus esquinas.
WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 633.6, 237.6, 0, 14.8, -1.1, 4.1
IMAGE = re.compile(r'<img alt="(Mapa del curso\.[^"]*)" src="([^"]*_mapa\.svg)" ?/?>')


def with_links(html, pages, root):
    """La página, con cada mapa convertido en navegación. pages: {número de lección: (página, título)}."""
    return IMAGE.sub(lambda image: navigation(image[1], image[2], pages, root), html)


def navigation(alt, source, pages, root):
    links = "".join(piece(key, pages, root) for key in MAP_PIECES)  # los marcos, debajo de lo que contienen
    return (
        f'<svg class="mapa" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{alt}">'
        f'<image href="{source}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true"/>{links}</svg>'
    )


def piece(key, pages, root):
    label, lesson, x, y, width, height = MAP_PIECES[key]
    words = label.replace("-\n", "").replace("\n", " ")
    if lesson is None:  # los marcos llevan su lección en el rótulo: «GPT · 06»
        words, lesson = words.split(" · ")
    page, title = pages[lesson]
    name = escape(f"{words}: lección {title}")
    across, down = WIDTH / (RIGHT - LEFT), HEIGHT / (TOP - BOTTOM)
    box = (
        f'x="{(x - LEFT) * across:.1f}" y="{(TOP - y - height) * down:.1f}" '
        f'width="{width * across:.1f}" height="{height * down:.1f}"'
    )
    return f'<a href="{root}{page}.html" aria-label="{name}"><title>{name}</title><rect {box} rx="5"/></a>'
