"""Functions of square matrices at sizes where row exchanges and several rounds happen. The matrices are bands of a spread plus `weight` on a shifted diagonal."""

import torch


def prepared(a, case):
    """Well-conditioned whatever the spread: the sine of a multiple of it, plus the weight on the diagonal shifted by one."""
    n = a.shape[-1]
    return torch.sin(a * 40) * 0.5 + case["weight"] * torch.roll(torch.eye(n), case["shift"], 0)


def matrix_cases():
    def case(name, compute, n=9, shift=1, extra=(), batch=2, **options):
        full = {"name": name, "inputs": [{"shape": [batch, n, n]}, *extra], "options": options, "weight": n**0.5 * 2, "shift": shift}
        full["compute"] = lambda a, *rest: compute(prepared(a, full), *rest)
        return full

    right = ({"shape": [9, 2]},)
    solve = torch.linalg.solve_triangular
    return [
        case("determinant", torch.linalg.det, n=5),
        case("logAbs", lambda a: torch.linalg.slogdet(a)[1]),
        case("sign", lambda a: torch.linalg.slogdet(a)[0]),
        case("inverse", torch.linalg.inv),
        case("solve", lambda a, b: torch.linalg.solve(a, b.expand(2, 9, 2)), extra=right),
        case("triangularSolve", lambda a, b: solve(a, b, upper=False), shift=0, extra=right),
        case("triangularSolve", lambda a, b: solve(a, b, upper=True), shift=0, extra=right, upper=True),
        case("triangularSolve", lambda a, b: solve(a.mT, b, upper=True), shift=0, extra=right, transposed=True),
        case("triangularSolve", lambda a, b: solve(a.mT, b, upper=False), shift=0, extra=right, upper=True, transposed=True),
        case("triangularSolve", lambda a, b: solve(a, b, upper=False, unitriangular=True), n=4, extra=({"shape": [4, 2]},), unitDiagonal=True),
        case("cholesky", lambda a: torch.linalg.cholesky((a + a.mT) / 2), shift=0),
    ]
