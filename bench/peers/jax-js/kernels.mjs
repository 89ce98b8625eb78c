// Single kernels in jax-js. Every function owns its arguments (jax-js counts references): `.ref` where one is used again.
import { ADAM, integers, product, STREAMS, uniform } from "../shared.mjs";
import { im2colLayout, laxLayout } from "./layouts.mjs";
import { realArray } from "./networks.mjs";

/** A maker: inputs made once, `compute` jitted, the first output waited for. */
function kernel(jax, makeInputs, makeCompute) {
  return async (mode) => {
    const layout = mode === "lax" ? laxLayout(jax) : im2colLayout(jax);
    const inputs = await Promise.all(makeInputs(layout));
    const run = jax.jit(makeCompute(layout));
    const step = async () => {
      const outputs = [run(...inputs.map((input) => input.ref))].flat();
      await jax.blockUntilReady(outputs.map((output) => output.ref));
      for (const output of outputs) output.dispose();
      return 0;
    };
    const close = () => {
      for (const input of inputs) input.dispose();
      run.dispose();
    };
    return { step, close };
  };
}

export function kernelMakers(jax) {
  const { numpy: np } = jax;
  const tensor = (stream, ...shape) => realArray(jax, uniform(stream, product(shape)), shape);
  const fromGradient =
    (f, count) =>
    (...all) =>
      jax.vjp(f, all.slice(0, count))[1](all[count]);
  const matmul = (size) =>
    kernel(
      jax,
      () => [tensor(1, size, size), tensor(2, size, size)],
      () => (a, b) => np.matmul(a, b),
    );
  const convInputs = ({ channelsLast, image }) => [
    tensor(1, ...image(32, 64, 32)),
    channelsLast ? tensor(2, 576, 64) : tensor(2, 64, 64, 3, 3),
    tensor(3, ...image(32, 64, 32)),
  ];
  const norm = (axes, x, scale, shift) => {
    const mean = np.mean(x.ref, axes, { keepdims: true });
    const centred = x.sub(mean);
    const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
    return centred
      .div(np.sqrt(variance.add(1e-5)))
      .mul(scale)
      .add(shift);
  };
  const inputGradient =
    ({ conv }) =>
    (x, w, dy) =>
      jax.vjp((a) => conv(a, w.ref, 1), [x])[1](dy)[0];
  const filterGradient =
    ({ conv }) =>
    (x, w, dy) =>
      jax.vjp((a) => conv(x.ref, a, 1), [w])[1](dy)[0];
  return {
    "matmul-1024": matmul(1024),
    "matmul-256": matmul(256),
    "conv-32x64x32x32-k3": kernel(
      jax,
      convInputs,
      ({ conv }) =>
        (x, w) =>
          conv(x, w, 1),
    ),
    "conv-32x64x32x32-k3-input-gradient": kernel(jax, convInputs, inputGradient),
    "conv-32x64x32x32-k3-filter-gradient": kernel(jax, convInputs, filterGradient),
    "batchnorm-32x64x32x32": kernel(
      jax,
      () => [tensor(1, 32768, 64), tensor(2, 64), tensor(3, 64), tensor(9, 32768, 64)],
      () => fromGradient((x, scale, shift) => norm([0], x, scale, shift), 3),
    ),
    "layernorm-4096x384": kernel(
      jax,
      () => [tensor(1, 4096, 384), tensor(2, 384), tensor(3, 384), tensor(9, 4096, 384)],
      () => fromGradient((x, scale, shift) => norm([1], x, scale, shift), 3),
    ),
    "adam-10m": adamKernel(jax, tensor),
    "softmax-6400x1000": kernel(
      jax,
      () => [tensor(1, 6400, 1000)],
      () => (x) => jax.nn.softmax(x, -1),
    ),
    "embedding-10k-100-6400": kernel(
      jax,
      () => [tensor(1, 10000, 100), realArray(jax, integers(STREAMS.ids, 6400, 10000), [6400], { dtype: np.int32 }), tensor(2, 6400, 100)],
      () => (table, ids, dy) => jax.vjp((t) => np.take(t, ids, 0), [table])[1](dy)[0],
    ),
  };
}

/** Adam on ten million-element vectors; the new state replaces the old. */
function adamKernel(jax, tensor) {
  const { numpy: np } = jax;
  return async () => {
    const many = (from) => Promise.all(Array.from({ length: 10 }, (_, i) => tensor(from + i, 1_000_000)));
    const zeros = () => Promise.all(Array.from({ length: 10 }, () => realArray(jax, new Float32Array(1_000_000), [1_000_000])));
    const gradients = await many(20);
    let state = [await many(0), await zeros(), await zeros()];
    const update = (p, m, v, g) => {
      const m1 = m.mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
      const v1 = v.mul(ADAM.beta2).add(np.square(g).mul(1 - ADAM.beta2));
      return [p.sub(m1.ref.mul(1e-3).div(np.sqrt(v1.ref).add(ADAM.epsilon))), m1, v1];
    };
    const run = jax.jit((p, m, v, g) => {
      const out = p.map((each, i) => update(each, m[i], v[i], g[i]));
      return [0, 1, 2].map((k) => out.map((o) => o[k]));
    });
    const step = async () => {
      state = run(
        ...state,
        gradients.map((g) => g.ref),
      );
      await jax.blockUntilReady(state.flat().map((array) => array.ref));
      return 0;
    };
    const close = () => {
      for (const array of [...state.flat(), ...gradients]) array.dispose();
      run.dispose();
    };
    return { step, close };
  };
}
