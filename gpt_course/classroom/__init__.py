"""El aula: progreso, entregas, exámenes y diploma, sin servidor ni red."""
