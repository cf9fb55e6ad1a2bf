"""Medir la velocidad del curso y la de otros tres GPT-2 en este equipo: `python -m gpt_course.bench`.

Cada turno es un proceso nuevo que carga los mismos pesos y hace el mismo trabajo; los turnos se alternan y
de los tiempos se da la mediana. Nada de esto forma parte de las pruebas: la velocidad no aprueba ni suspende.
"""
