"""Las figuras del curso, un módulo por tema. Cada función dibuja sus datos y devuelve sus ejes."""
