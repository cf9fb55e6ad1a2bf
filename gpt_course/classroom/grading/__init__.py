"""Corregir entregas: cada cuaderno se ejecuta encerrado en su proceso y las notas se deciden fuera de él.

    command ─► handins ─► notebook            buscar las entregas y leerlas, sin ejecutar nada
            ─► marks ─► slicing               qué celdas hacen falta, y un proceso por intento
                     ─► referee ─► student    quien corrige, y las celdas de quien estudia en otro proceso
                            values · sandbox · guard
            ─► report                         la tabla, en CSV y en una página

Por qué una nota no se falsifica: los correctores son los de quien enseña, y se ejecutan en un proceso que de
quien estudia solo lee datos. Una función suya se llama en su proceso, con los casos de quien corrige, y lo
que devuelve se compara fuera. Lo que el sistema no puede impedir está en `sandbox`.
"""
