"""Lo que `check` necesita para entender a quien estudia: leer, comparar, probar funciones y contarlo."""
