"""Repartir el entrenamiento entre procesos: cada uno mira sus filas del lote y todos dan el mismo paso.

Los lanza torchrun (ver `torchrun.py`). La pérdida de un paso es la media de los tokens de verdad de todo el
lote, los mire quien los mire: las pérdidas son las de un solo proceso, salvo por el orden de las sumas. Con
dropout ya no, porque cada proceso sortea sus máscaras.

Fuentes: Li et al. (2020), arXiv 2006.15704 (DDP); Rajbhandari et al. (2020), arXiv 1910.02054, y Zhao et
al. (2023), arXiv 2304.11277 (FSDP).
"""

import random
import signal
from datetime import timedelta

import torch
from torch import distributed

from gpt_course.training.batches import places
from gpt_course.training.world import World

WRITING = timedelta(hours=1)  # lo que se espera a que el primero acabe de escribir


class Processes(World):
    """Los procesos que entrenan juntos: cuántos son, `size`, y cuál es este, `rank`.

    fsdp: cada uno guarda solo su trozo de los pesos y del optimizador; si no, los tiene enteros (DDP).
    """

    signals = (signal.SIGINT,)  # SIGTERM es de torchrun: otro ha muerto y ya no se puede guardar

    def __init__(self, rank, size, *, device="cpu", fsdp=False):
        self.rank, self.size, self.main = rank, size, rank == 0
        self.device, self.fsdp = torch.device(device), fsdp
        self._patient = distributed.new_group(backend="gloo", timeout=WRITING)

    def share(self, batch):
        """Las filas de este proceso, de un lote de B filas: B/`size` seguidas."""
        return [piece.chunk(self.size)[self.rank] for piece in batch]

    def wrap(self, model, loss):
        """Un módulo que da la pérdida de un lote y que, al ir hacia atrás, junta los gradientes de todos.

        Con FSDP los parámetros de `model` se vuelven trozos: crea el optimizador después.
        """
        job = super().wrap(model, loss)
        if self.fsdp:
            from torch.distributed.fsdp import fully_shard

            for block in model.trf_blocks:
                fully_shard(block)
            return fully_shard(job, reshard_after_forward=True)  # también si luego no se va hacia atrás
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(job)

    def sow(self, seed):
        if not self.main:
            torch.manual_seed(random.Random(f"{seed}/{self.rank}").getrandbits(63))

    def backward(self, job, batches):
        """Gradientes y pérdida de un paso: la media de los tokens de verdad de todos los lotes."""
        total = sum(places(*batch) for batch in batches)
        mean = 0.0
        for left, batch in zip(reversed(range(len(batches))), batches, strict=True):
            mine = self.share(batch)
            self._join_gradients(job, left == 0)  # al acumular, solo en el último lote
            part = job(*mine) * (places(*mine) / total)
            (part * self.size).backward()  # porque DDP y FSDP dan la media de los procesos, no la suma
            mean += self.sum(part.item())  # en cada lote: así nadie se adelanta más de uno
        return mean

    def clip(self, parameters, limit):
        """La norma de todos los gradientes juntos; si pasa de `limit`, se reducen hasta que mida eso."""
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
        return (norm.full_tensor() if _in_pieces(norm) else norm).item()

    def sum(self, number):
        """La suma de los números de todos los procesos, la misma en todos y del mismo tipo."""
        total = torch.tensor(number, dtype=torch.float64)
        distributed.all_reduce(total)
        return type(number)(total.item())

    def wait(self):
        """Espera a que todos lleguen aquí, aunque uno tarde en escribir."""
        distributed.barrier(self._patient)

    def plain(self, model):
        """El modelo con los pesos enteros, como se guarda: deben pedirlo todos a la vez."""
        if not self.fsdp:
            return model
        with torch.device("meta"):
            plain = type(model)(model.cfg)
        plain.load_state_dict(self.whole(model.state_dict()), assign=True)
        return plain

    def whole(self, tensors):
        """Los tensores de un diccionario, enteros y en la CPU: deben pedirlos todos a la vez."""
        return {
            name: (tensor.full_tensor() if _in_pieces(tensor) else tensor).cpu()
            for name, tensor in tensors.items()
        }

    def part(self, tensor, parameter):
        """El trozo de `tensor` de este proceso, si `parameter`, de la misma forma, está a trozos."""
        if not _in_pieces(parameter) or tensor.shape != parameter.shape:
            return super().part(tensor, parameter)
        from torch.distributed.tensor import distribute_tensor

        tensor = tensor.to(parameter.device)
        return distribute_tensor(tensor, parameter.device_mesh, parameter.placements, src_data_rank=None)

    def _join_gradients(self, job, join):
        if self.fsdp:
            job.set_requires_gradient_sync(join)
        else:
            job.require_backward_grad_sync = join


def _in_pieces(tensor):
    return hasattr(tensor, "full_tensor")
