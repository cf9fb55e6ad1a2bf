"""Para quien enseña y para quien estudia en un aula: progreso, entregas, exámenes y diploma, sin servidor ni red."""
