"""Corregir entregas: cada cuaderno se ejecuta encerrado en su proceso y las notas se deciden fuera de él.

`command` busca las entregas con `handins`, que las lee con `notebook` sin ejecutar nada. `marks` elige con
`slicing` las celdas que hacen falta y abre un proceso por intento: en él, `referee` corrige. Las celdas van
en otro más, `student`, que encierran `sandbox` y `guard`; entre los dos solo viajan `values` y llamadas
(`remote`). `report` escribe la tabla, en CSV y en una página.

Por qué una nota no se falsifica: los correctores son los de quien enseña, y se ejecutan en un proceso que de
quien estudia solo lee datos. Una función suya se llama en su proceso, con los casos de quien corrige, y lo
que devuelve se compara fuera. Lo que el sistema no puede impedir está en `sandbox`.
"""
