"""Las operaciones de un paso: una suma o una multiplicación de decimales es un FLOP.

Solo cuentan los productos de matrices: (m, k) por (k, n) son 2·m·k·n. La atención se cuenta entera, sin
descontar la mitad que tapa la máscara ni lo que tape una ventana. Fuente: Kaplan et al. (2020), apartado 2.1.
"""

# Por cuántos vectores de C números se multiplica cada token en la red feed-forward: sus matrices, una tras
# otra; con expertos, la del enrutador y las de los elegidos.
FEED_FORWARDS = {
    "gelu": lambda cfg: 2 * cfg["hidden_dim"],
    "swiglu": lambda cfg: 3 * cfg["hidden_dim"],
    "experts": lambda cfg: cfg["n_experts"] + 3 * cfg["hidden_dim"] * cfg["experts_per_token"],
}
# La recomputación de un bloque se detiene cuando ha rehecho lo que hacía falta, y nadie necesita el resultado
# de la última matriz. El de un experto, sí: se multiplica por su peso.
UNREPEATED = {
    "gelu": lambda cfg: cfg["hidden_dim"],
    "swiglu": lambda cfg: cfg["hidden_dim"],
    "experts": lambda cfg: 0,
}


def flops(plan):
    """FLOPs de una pasada hacia delante, por pieza."""
    cfg, tokens = plan.whole, plan.batch * plan.seq
    C, D, H, L = (cfg[key] for key in ("emb_dim", "head_dim", "n_heads", "n_layers"))
    return {
        "projections": L * 2 * tokens * C * D * (2 * H + 2 * cfg["n_kv_heads"]),
        "scores": L * 4 * tokens * plan.seq * H * D,
        "feed_forward": _feed_forward(plan, FEED_FORWARDS),
        "output_head": 2 * tokens * C * cfg["vocab_size"],
    }


def training_flops(plan):
    """FLOPs de ir y volver con un lote: hacia atrás, cada producto cuesta dos, y uno más si se repite."""
    pieces = flops(plan)
    again = sum(pieces.values()) - pieces["output_head"]
    if not plan.has_dropout:
        again -= _feed_forward(plan, UNREPEATED)
    return 3 * sum(pieces.values()) + (again if plan.checkpointing else 0)


def _feed_forward(plan, vectors):
    cfg = plan.whole
    times = vectors[cfg["feed_forward"]](cfg)
    return cfg["n_layers"] * 2 * plan.batch * plan.seq * cfg["emb_dim"] * times
