"""Los ejercicios cuyos números puede cambiar una semilla; los demás, en la carpeta de arriba."""
