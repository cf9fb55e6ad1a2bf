"""Las operaciones de un paso: una suma o una multiplicación de decimales es un FLOP.

Solo cuentan los productos de matrices: (m, k) por (k, n) son 2·m·k·n. La atención se cuenta entera, sin
descontar la mitad que tapa la máscara. Fuente: Kaplan et al. (2020), apartado 2.1.
"""


def flops(plan):
    """FLOPs de una pasada hacia delante, por pieza."""
    C, L, tokens = plan.cfg["emb_dim"], plan.cfg["n_layers"], plan.batch * plan.seq
    return {
        "projections": L * 2 * tokens * 4 * C**2,
        "scores": L * 4 * tokens * plan.seq * C,
        "feed_forward": L * 2 * tokens * 8 * C**2,
        "output_head": 2 * tokens * C * plan.cfg["vocab_size"],
    }


def training_flops(plan):
    """FLOPs de ir y volver con un lote: hacia atrás, cada producto cuesta dos, y uno más si se repite.

    La recomputación de un bloque se detiene cuando ha rehecho lo que hacía falta: sin dropout, nadie
    necesita el resultado del último producto de la red feed-forward, y no se repite.
    """
    pieces = flops(plan)
    again = sum(pieces.values()) - pieces["output_head"]
    if not plan.has_dropout:
        again -= pieces["feed_forward"] // 2
    return 3 * sum(pieces.values()) + (again if plan.checkpointing else 0)
