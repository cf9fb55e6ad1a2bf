"""Una función que está en el proceso de quien estudia, como si estuviera aquí."""

import inspect


class Remote:
    """Una función de quien estudia: se llama aquí y se ejecuta en su proceso."""

    def __init__(self, call, number, name, parameters):
        self._call, self._number, self.__name__ = call, int(number), str(name)
        if parameters is not None:
            self.__signature__ = inspect.Signature(
                [
                    inspect.Parameter(
                        name,
                        inspect._ParameterKind(kind),
                        default=None if default else inspect.Parameter.empty,
                    )
                    for name, kind, default in parameters
                ]
            )

    def __call__(self, *arguments):
        return self._call(self._number, arguments)
