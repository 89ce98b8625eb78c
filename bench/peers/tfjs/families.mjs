// Training steps of whole families in TensorFlow.js, and the controller's calls.
import { CONTROLLER, causalMask, controllerParameters, FAMILIES, FLOW, GPT, observations, startValues } from "../families.mjs";
import { ADAM, POOL } from "../shared.mjs";

/** Negative log-likelihood of the flow. */
function flowLoss(tf, take, [points]) {
  const net = (x) => {
    let h = x;
    for (let i = 0; i < 5; i++) {
      h = tf.add(tf.matMul(h, take()), take());
      if (i < 4) h = tf.relu(h);
    }
    return h;
  };
  let x = points;
  let total = tf.zeros([FLOW.batch]);
  for (let i = 0; i < FLOW.couplings; i++) {
    const rest = tf.tensor2d([[i % 2, 1 - (i % 2)]]);
    const held = tf.mul(x, tf.sub(1, rest));
    const s = tf.mul(tf.tanh(net(held)), rest);
    const t = tf.mul(net(held), rest);
    x = tf.add(held, tf.mul(rest, tf.mul(tf.sub(x, t), tf.exp(tf.neg(s)))));
    total = tf.sub(total, tf.sum(s, 1));
  }
  const logLikelihood = tf.add(tf.sub(tf.mul(tf.sum(tf.square(x), 1), -0.5), Math.log(2 * Math.PI)), total);
  return tf.neg(tf.mean(logLikelihood));
}

/** Cross entropy of the GPT. A gather has no gradient on wasm, so the table is looked up by a product with one-hot rows. */
function gptLoss(tf, take, [ids, targets]) {
  const { layers, heads, width, context, batch, vocabulary } = GPT;
  const norm = (x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), take());
  };
  const gelu = (x) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5));
  const split = (x) => tf.transpose(tf.reshape(x, [batch, context, heads, width / heads]), [0, 2, 1, 3]);
  const mask = tf.tensor2d(causalMask(context), [context, context]);
  const [table, positions] = [take(), take()];
  let x = tf.matMul(tf.cast(tf.oneHot(ids, vocabulary), "float32"), table);
  x = tf.reshape(tf.add(tf.reshape(x, [batch, context, width]), positions), [-1, width]);
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = tf.split(tf.matMul(norm(x), take()), 3, 1).map(split);
    const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads)), mask);
    const mixed = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [-1, width]);
    x = tf.add(x, tf.matMul(mixed, take()));
    x = tf.add(x, tf.matMul(gelu(tf.matMul(norm(x), take())), take()));
  }
  return tf.losses.softmaxCrossEntropy(tf.oneHot(targets, vocabulary), tf.matMul(norm(x), table, false, true));
}

const LOSSES = { realnvp: flowLoss, "gpt-small": gptLoss };
export const familyNames = Object.keys(LOSSES);

/** Adam with decoupled decay and clipping by norm, from TensorFlow.js's own Adam. */
function update(tf, adam, { rate, decay, clip }, variables, grads) {
  if (decay > 0) for (const variable of variables) variable.assign(tf.mul(variable, 1 - rate * decay));
  let scaled = grads;
  if (clip > 0) {
    const norm = tf.sqrt(tf.addN(Object.values(grads).map((g) => tf.sum(tf.square(g)))));
    const factor = tf.minimum(1, tf.div(clip, tf.add(norm, 1e-6)));
    scaled = Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.mul(g, factor)]));
  }
  adam.applyGradients(scaled);
}

export function familyMaker(tf, name) {
  return () => {
    const family = FAMILIES[name];
    const variables = startValues(family.parameters()).map(({ data, shape }) => tf.variable(tf.tensor(data, shape)));
    const adam = tf.train.adam(family.rate, ADAM.beta1, family.beta2, ADAM.epsilon);
    const batches = family.batches();
    let count = 0;
    const step = async () => {
      const batch = batches[count++ % POOL].map(({ data, shape, dtype }) => tf.tensor(data.slice(), shape, dtype));
      const loss = tf.tidy(() => {
        let next = 0;
        const { value, grads } = tf.variableGrads(() => LOSSES[name](tf, () => variables[next++], batch), variables);
        update(tf, adam, family, variables, grads);
        return value;
      });
      const [value] = await loss.data();
      tf.dispose([...batch, loss]);
      return value;
    };
    const close = () => {
      adam.dispose();
      for (const variable of variables) variable.dispose();
    };
    return { step, close, parameters: variables.reduce((sum, variable) => sum + variable.size, 0) };
  };
}

/** 1,000 calls of the controller's net, each with its own input and its output read. */
export function controllerMaker(tf) {
  return () => {
    const weights = startValues(controllerParameters()).map(({ data, shape }) => tf.tensor(data, shape));
    const inputs = observations();
    const step = async () => {
      let total = 0;
      for (let i = 0; i < 1000; i++) {
        const y = tf.tidy(() => {
          let h = tf.tensor2d(inputs[i % POOL], [1, CONTROLLER[0]]);
          for (let k = 0; k < 4; k += 2) h = tf.tanh(tf.add(tf.matMul(h, weights[k]), weights[k + 1]));
          return h;
        });
        total += y.dataSync()[0];
        y.dispose();
      }
      return total;
    };
    return { step, close: () => tf.dispose(weights) };
  };
}
