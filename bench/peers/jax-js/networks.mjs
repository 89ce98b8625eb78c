// The bench's networks in jax-js: one jitted function per training step. jax-js counts references: `.ref` where an array is used again.
import {
  ADAM,
  BATCH,
  batches,
  CHANNELS,
  CNN_CONVS,
  CODE,
  DECODER,
  ENCODER,
  LEAK,
  LEARNING_RATE,
  NORM_EPSILON,
  POOL,
  parameterList,
  product,
  STREAMS,
  uniform,
} from "../shared.mjs";
import { im2colLayout, laxLayout } from "./layouts.mjs";

/** A forward pass: takes parameters in order, gathers new running statistics. */
class Pass {
  constructor(jax, layout, parameters, statistics, { training, key }) {
    Object.assign(this, { jax, layout, parameters, statistics, training, key });
    this.np = jax.numpy;
    this.next = 0;
    this.updated = [];
  }

  take() {
    return this.parameters[this.next++];
  }

  conv(x, stride) {
    const y = this.layout.conv(x, this.take(), stride);
    return y.add(this.layout.perChannel(this.take(), 4));
  }

  up(x) {
    const y = this.layout.up(x, this.take());
    return this.jax.nn.relu(y.add(this.layout.perChannel(this.take(), 4)));
  }

  dense(x) {
    const y = this.np.matmul(x, this.take());
    return y.add(this.take());
  }

  norm(x) {
    const { np, layout } = this;
    const rank = x.shape.length;
    const [scale, shift] = [this.take(), this.take()].map((vector) => layout.perChannel(vector, rank));
    const at = this.updated.length / 2;
    let [mean, variance] = [this.statistics[2 * at], this.statistics[2 * at + 1]];
    if (this.training) {
      const axes = layout.momentAxes(rank);
      const [runningMean, runningVariance] = [mean, variance];
      const count = axes.reduce((size, axis) => size * x.shape[axis], 1);
      mean = np.mean(x.ref, axes, { keepdims: true });
      variance = np.mean(np.square(x.ref.sub(mean.ref)), axes, { keepdims: true });
      const stop = this.jax.lax.stopGradient;
      const channels = [runningMean.shape[0]];
      this.updated.push(runningMean.mul(0.9).add(stop(mean.ref).reshape(channels).mul(0.1)));
      this.updated.push(
        runningVariance.mul(0.9).add(
          stop(variance.ref)
            .reshape(channels)
            .mul((0.1 * count) / (count - 1)),
        ),
      );
    } else {
      this.updated.push(undefined, undefined);
      mean = layout.perChannel(mean, rank);
      variance = layout.perChannel(variance, rank);
    }
    return x
      .sub(mean)
      .mul(scale.div(np.sqrt(variance.add(NORM_EPSILON))))
      .add(shift);
  }

  leaky(x) {
    return this.jax.nn.leakyRelu(x, LEAK);
  }

  dropout(x) {
    if (this.key === undefined) return x;
    const kept = this.jax.random.bernoulli(this.key, 0.5, x.shape);
    return this.np.where(kept, x.mul(2), 0);
  }

  flat(x) {
    return x.reshape([x.shape[0], product(x.shape.slice(1))]);
  }

  classify(x, name) {
    if (name === "mlp") {
      let h = this.flat(x);
      for (let i = 0; i < 2; i++) h = this.jax.nn.relu(this.dense(h));
      return this.dense(h);
    }
    let h = x;
    for (const [, , stride] of CNN_CONVS) h = this.leaky(this.norm(this.conv(h, stride)));
    h = this.leaky(this.norm(this.dense(this.flat(h))));
    return this.dense(this.training ? this.dropout(h) : h);
  }

  encode(x) {
    let h = x;
    for (let i = 0; i < ENCODER.length; i++) h = this.jax.nn.relu(this.conv(h, 2));
    return this.flat(h);
  }

  decode(z) {
    let h = this.dense(z);
    h = h.reshape(this.layout.image(h.shape[0], 128, 4));
    for (let i = 0; i < DECODER.length; i++) h = this.up(h);
    return this.conv(h, 1);
  }

  /** Bernoulli negative log-likelihood from logits: summed over a picture, mean over the batch. */
  reconstruction(logits, x) {
    const { np } = this;
    const batch = x.shape[0];
    const tail = np.log1p(np.exp(np.abs(logits.ref).mul(-1)));
    return np.sum(this.jax.nn.relu(logits.ref).sub(logits.mul(x)).add(tail)).div(batch);
  }

  loss(name, x, y, noise) {
    const { np } = this;
    if (name === "cnn" || name === "mlp") {
      const logProbabilities = this.jax.nn.logSoftmax(this.classify(x, name), -1);
      return np.sum(logProbabilities.mul(this.jax.nn.oneHot(y, 10))).mul(-1 / BATCH[name]);
    }
    const features = this.encode(x.ref);
    if (name === "autoencoder") return this.reconstruction(this.decode(this.dense(features)), x);
    const mean = this.dense(features.ref);
    const logVar = this.dense(features);
    const draw = this.key === undefined ? noise : this.jax.random.normal(this.key, mean.shape);
    const z = mean.ref.add(np.exp(logVar.ref.mul(0.5)).mul(draw));
    const kl = np.sum(np.square(mean).add(np.exp(logVar.ref)).sub(logVar).sub(1)).mul(0.5 / BATCH.vae);
    return this.reconstruction(this.decode(z), x).add(kl);
  }
}

/** One Adam update of a parameter; `lr` holds the step size with both bias corrections, `root` the square root of the second one. */
function adam({ numpy: np }, p, m, v, g, lr, root) {
  const m1 = m.mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
  const v1 = v.mul(ADAM.beta2).add(np.square(g).mul(1 - ADAM.beta2));
  const p1 = p.sub(m1.ref.mul(lr).div(np.sqrt(v1.ref).div(root).add(ADAM.epsilon)));
  return [p1, m1, v1];
}

/** The jitted step: everything in, everything out. */
function stepFunction(jax, layout, name, random) {
  const loss = (parameters, statistics, x, y, extra) => {
    const pass = new Pass(jax, layout, parameters, statistics, { training: true, key: random ? extra : undefined });
    const value = pass.loss(name, x, y, random ? undefined : extra);
    return [value, pass.updated];
  };
  const gradient = jax.valueAndGrad(loss, { hasAux: true });
  return jax.jit((parameters, m, v, statistics, x, y, extra, lr, root) => {
    const [[value, updated], gradients] = gradient(
      parameters.map((p) => p.ref),
      statistics,
      x,
      y,
      extra,
    );
    const out = parameters.map((p, i) => adam(jax, p, m[i], v[i], gradients[i], lr.ref, root.ref));
    return [value, out.map((o) => o[0]), out.map((o) => o[1]), out.map((o) => o[2]), updated];
  });
}

/** An array in memory, not a pending expression. */
export async function realArray(jax, data, shape, options = {}) {
  const array = jax.numpy.array(data, { shape, ...options });
  await jax.blockUntilReady(array.ref);
  return array;
}

const layoutOf = (jax, mode) => (mode === "lax" ? laxLayout(jax) : im2colLayout(jax));

async function startState(jax, layout, name) {
  const specs = parameterList(name);
  const values = specs.map((spec, i) => layout.value(spec, i));
  const parameters = await Promise.all(values.map(({ data, shape }) => realArray(jax, data, shape)));
  const zeros = () => Promise.all(values.map(({ data, shape }) => realArray(jax, new Float32Array(data.length), shape)));
  const norms = specs.filter(({ kind }) => kind === "scale").map(({ shape }) => shape[0]);
  const pairs = norms.map((c) => [realArray(jax, new Float32Array(c), [c]), realArray(jax, new Float32Array(c).fill(1), [c])]);
  return { parameters, m: await zeros(), v: await zeros(), statistics: await Promise.all(pairs.flat()) };
}

export function trainingMaker(jax, name, check) {
  return async (mode) => {
    const { numpy: np } = jax;
    const layout = layoutOf(jax, name === "mlp" ? "lax" : mode);
    const random = !check && (name === "cnn" || name === "vae");
    const run = stepFunction(jax, layout, name, random);
    const pool = batches(name, layout.channelsLast);
    const state = await startState(jax, layout, name);
    const parameters = state.parameters.reduce((sum, p) => sum + p.size, 0);
    const noise = check && name === "vae" ? uniform(STREAMS.noise, BATCH.vae * CODE.vae) : new Float32Array(1);
    let count = 0;
    const step = async () => {
      const { images, labels } = pool[count++ % POOL];
      const x = np.array(images.slice(), { shape: layout.image(BATCH[name], CHANNELS[name], 32) });
      const y = np.array(labels.slice(), { dtype: np.int32 });
      const extra = random ? jax.random.key(count) : np.array(noise, { shape: noise.length === 1 ? [1] : [BATCH.vae, CODE.vae] });
      const lr = np.array(new Float32Array([LEARNING_RATE / (1 - ADAM.beta1 ** count)]), { shape: [1] }).reshape([]);
      const root = np.array(new Float32Array([Math.sqrt(1 - ADAM.beta2 ** count)]), { shape: [1] }).reshape([]);
      const [loss, p, m, v, s] = run(state.parameters, state.m, state.v, state.statistics, x, y, extra, lr, root);
      Object.assign(state, { parameters: p, m, v, statistics: s });
      await jax.blockUntilReady([...p, ...m, ...v, ...s].map((array) => array.ref));
      return (await loss.data())[0];
    };
    const close = () => {
      for (const array of Object.values(state).flat()) array.dispose();
      run.dispose();
    };
    return { step, close, parameters };
  };
}

export function inferenceMaker(jax, workload) {
  return async (mode) => {
    const [name] = workload.split("-");
    const layout = layoutOf(jax, mode);
    const { parameters, statistics, m, v } = await startState(jax, layout, name);
    for (const array of [...m, ...v]) array.dispose();
    const batch = { "cnn-infer": 32, "cnn-infer-1": 1, "vae-infer": 64 }[workload];
    const shape = name === "cnn" ? layout.image(batch, 3, 32) : [batch, CODE.vae];
    const pool = Array.from({ length: POOL }, (_, i) => uniform(STREAMS.images + 10 + i, product(shape), 0, 1));
    const used = name === "cnn" ? parameters : parameters.slice(2 * (ENCODER.length + 2));
    const run = jax.jit((weights, running, x) => {
      const pass = new Pass(jax, layout, weights, running, { training: false });
      return name === "cnn" ? pass.classify(x, name) : pass.decode(x);
    });
    let count = 0;
    const step = async () => {
      const x = jax.numpy.array(pool[count++ % POOL].slice(), { shape });
      const y = run(
        used.map((w) => w.ref),
        statistics.map((s) => s.ref),
        x,
      );
      return (await y.data())[0];
    };
    const close = () => {
      for (const array of [...parameters, ...statistics]) array.dispose();
      run.dispose();
    };
    return { step, close };
  };
}
