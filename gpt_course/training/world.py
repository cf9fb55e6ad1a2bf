"""Quiénes entrenan: aquí, un solo proceso que lo hace todo."""

import signal

import torch

from gpt_course.training.batches import places
from gpt_course.training.objective import Objective


class World:
    """Un proceso solo: mira el lote entero, guarda los pesos enteros y escribe los archivos."""

    rank, size, main = 0, 1, True
    device = torch.device("cpu")
    signals = (signal.SIGINT, signal.SIGTERM)  # las que piden acabar el paso, guardar y salir

    def share(self, batch):
        """Las filas de un lote que le tocan a este proceso: todas."""
        return batch

    def wrap(self, model, loss):
        """Un módulo que da la pérdida de un lote; el optimizador se crea después."""
        return Objective(model, loss)

    def sow(self, seed):
        """Siembra el dropout de los demás procesos; el primero sigue con el generador que se guarda."""

    def backward(self, job, batches):
        """La pérdida de un paso y sus gradientes: la media de los tokens de verdad de todos los lotes."""
        total, mean = sum(places(*batch) for batch in batches), 0.0
        for batch in batches:
            part = job(*batch) * (places(*batch) / total)
            part.backward()
            mean += part.item()
        return mean

    def clip(self, parameters, limit):
        """La norma de todos los gradientes juntos; si pasa de `limit`, se reducen hasta que mida eso."""
        return torch.nn.utils.clip_grad_norm_(parameters, limit).item()

    def sum(self, number):
        """La suma de los números de todos los procesos."""
        return number

    def wait(self):
        """Espera a que los demás lleguen hasta aquí."""

    def plain(self, model):
        """El modelo con los pesos enteros, como se guarda."""
        return model

    def whole(self, tensors):
        """Los tensores de un diccionario, enteros."""
        return tensors

    def part(self, tensor, parameter):
        """El trozo de `tensor` que le toca a este proceso, repartido como `parameter` y donde él está."""
        return tensor.to(parameter.device)
