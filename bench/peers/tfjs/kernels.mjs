// Single kernels in TensorFlow.js; pictures are [B, H, W, C]. Each maker returns { step, close }.
import { integers, product, STREAMS, uniform } from "../shared.mjs";

export function kernelMakers(tf) {
  const tensor = (stream, ...shape) => tf.tensor(uniform(stream, product(shape)), shape);
  /** Run `compute` on tensors made once; read one number of the result, so that the work is finished. */
  const kernel = (makeInputs, compute) => () => {
    const inputs = makeInputs();
    const step = async () => {
      const first = tf.tidy(() => tf.slice(tf.reshape([compute(...inputs)].flat()[0], [-1]), 0, 1));
      const [value] = await first.data();
      first.dispose();
      return value;
    };
    return { step, close: () => tf.dispose(inputs) };
  };
  const conv = (x, w) => tf.conv2d(x, w, 1, 1, "NHWC", 1, "floor");
  const convInputs = () => [tensor(1, 32, 32, 32, 64), tensor(2, 3, 3, 64, 64), tensor(3, 32, 32, 32, 64)];
  const rowMoments = (x) => tf.moments(x, -1, true);
  const layerNorm = (x, scale, shift) => {
    const { mean, variance } = rowMoments(x);
    return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), scale), shift);
  };
  const batchNorm = (x, scale, shift) => {
    const { mean, variance } = tf.moments(x, 0);
    return tf.batchNorm(x, mean, variance, shift, scale, 1e-5);
  };
  const matmul = (size) =>
    kernel(
      () => [tensor(1, size, size), tensor(2, size, size)],
      (a, b) => tf.matMul(a, b),
    );
  return {
    "matmul-1024": matmul(1024),
    "matmul-256": matmul(256),
    "conv-32x64x32x32-k3": kernel(convInputs, (x, w) => conv(x, w)),
    "conv-32x64x32x32-k3-input-gradient": kernel(convInputs, (x, w, dy) => tf.conv2dTranspose(dy, w, x.shape, 1, 1, "floor")),
    "conv-32x64x32x32-k3-filter-gradient": kernel(convInputs, (x, w, dy) => tf.grad((filter) => conv(x, filter))(w, dy)),
    "batchnorm-32x64x32x32": kernel(
      () => [tensor(1, 32768, 64), tensor(2, 64), tensor(3, 64), tensor(9, 32768, 64)],
      (x, scale, shift, dy) => tf.grads(batchNorm)([x, scale, shift], dy),
    ),
    "layernorm-4096x384": kernel(
      () => [tensor(1, 4096, 384), tensor(2, 384), tensor(3, 384), tensor(9, 4096, 384)],
      (x, scale, shift, dy) => tf.grads(layerNorm)([x, scale, shift], dy),
    ),
    "adam-10m": adamMaker(tf, tensor),
    "softmax-6400x1000": kernel(
      () => [tensor(1, 6400, 1000)],
      (x) => tf.softmax(x),
    ),
    "embedding-10k-100-6400": kernel(
      () => [tensor(1, 10000, 100), tf.tensor1d(integers(STREAMS.ids, 6400, 10000), "int32"), tensor(2, 6400, 100)],
      (table, ids, dy) => tf.grad((t) => tf.gather(t, ids))(table, dy),
    ),
  };
}

function adamMaker(tf, tensor) {
  return () => {
    const adam = tf.train.adam(1e-3);
    const variables = Array.from({ length: 10 }, (_, i) => tf.variable(tensor(i, 1_000_000)));
    const gradients = Object.fromEntries(variables.map((variable, i) => [variable.name, tensor(20 + i, 1_000_000)]));
    const step = async () => {
      adam.applyGradients(gradients);
      const first = tf.slice(variables[0], 0, 1);
      const [value] = await first.data();
      first.dispose();
      return value;
    };
    const close = () => {
      tf.dispose([variables, gradients]);
      adam.dispose();
    };
    return { step, close };
  };
}
