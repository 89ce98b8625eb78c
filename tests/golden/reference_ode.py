"""Writes data/ode.json: what SciPy 1.17.1 (NumPy 2.4.6, Python 3.11, float64) makes of small systems of differential equations.

    pip install scipy==1.17.1 numpy==2.4.6
    python reference_ode.py

End points by DOP853 with tolerances of 1e-13, and what they change by with the first state and the parameters, by differences of such end points;
`evaluations` are those of SciPy's RK45, the same pair of formulas with another rule for the steps, at tolerances of 1e-6.
"""

import json
import pathlib

import numpy as np
from scipy.integrate import solve_ivp

DATA = pathlib.Path(__file__).with_name("data") / "ode.json"


def lotka_volterra(t, y, p):
    return np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])


def van_der_pol(t, y, p):
    return np.array([y[1], p[0] * (1 - y[0] ** 2) * y[1] - y[0]])


def lorenz(t, y, p):
    return np.array([p[0] * (y[1] - y[0]), y[0] * (p[1] - y[2]) - y[1], y[0] * y[1] - p[2] * y[2]])


def forced(t, y, p):
    """A damped pendulum that is pushed: the time counts."""
    return np.array([y[1], -np.sin(y[0]) - p[0] * y[1] + p[1] * np.cos(2 * t)])


SYSTEMS = [
    ("lotkaVolterra", lotka_volterra, [1.0, 0.5], [1.5, 1.0, 0.75, 1.0], [0, 4]),
    ("vanDerPol", van_der_pol, [2.0, 0.0], [2.0], [0, 2]),
    ("lorenz", lorenz, [1.0, 2.0, 3.0], [10.0, 28.0, 8 / 3], [0, 0.6]),
    ("forced", forced, [0.5, 0.0], [0.2, 0.7], [0, 6]),
    ("forced", forced, [0.5, 0.0], [0.2, 0.7], [3, 0.5]),
]


def jacobian(x, at):
    """d end / dx by central differences of sixth order."""
    h = 3e-3
    columns = []
    for i in range(len(x)):
        def moved(k):
            y = np.array(x, dtype=float)
            y[i] += k * h
            return at(y)
        columns.append((45 * (moved(1) - moved(-1)) - 9 * (moved(2) - moved(-2)) + (moved(3) - moved(-3))) / (60 * h))
    return np.stack(columns, axis=1)


def solve(f, start, parameters, times, method, tolerance):
    return solve_ivp(lambda t, y: f(t, y, parameters), times, start, method=method, rtol=tolerance, atol=tolerance)


def case(name, f, start, parameters, times):
    start, parameters = np.array(start), np.array(parameters)
    end = lambda y, p: solve(f, y, p, times, "DOP853", 1e-13).y[:, -1]
    return {
        "system": name,
        "start": start.tolist(),
        "parameters": parameters.tolist(),
        "times": times,
        "end": end(start, parameters).tolist(),
        "endByStart": jacobian(start, lambda y: end(y, parameters)).tolist(),
        "endByParameters": jacobian(parameters, lambda p: end(start, p)).tolist(),
        "evaluations": solve(f, start, parameters, times, "RK45", 1e-6).nfev,
    }


if __name__ == "__main__":
    cases = [case(*system) for system in SYSTEMS]
    DATA.write_text(json.dumps({"cases": cases}, indent=1) + "\n")
