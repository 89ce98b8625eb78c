// Training steps of whole families in jax-js, and the controller's calls. jax-js counts references: `.ref` where an array is used again.
import { CONTROLLER, causalMask, controllerParameters, FAMILIES, FLOW, GPT, observations, startValues } from "../families.mjs";
import { ADAM, POOL } from "../shared.mjs";
import { realArray } from "./networks.mjs";

/** Negative log-likelihood of the flow. */
function flowLoss({ numpy: np, nn }, take, [points]) {
  const net = (x) => {
    let h = x;
    for (let i = 0; i < 5; i++) {
      h = np.matmul(h, take()).add(take());
      if (i < 4) h = nn.relu(h);
    }
    return h;
  };
  let x = points;
  let total = np.zeros([FLOW.batch]);
  for (let i = 0; i < FLOW.couplings; i++) {
    const rest = () => np.array([[i % 2, 1 - (i % 2)]], { dtype: np.float32 });
    const kept = np.array([[1 - (i % 2), i % 2]], { dtype: np.float32 });
    const held = x.ref.mul(kept);
    const s = np.tanh(net(held.ref)).mul(rest());
    const t = net(held.ref).mul(rest());
    x = held.add(
      x
        .sub(t)
        .mul(np.exp(s.ref.mul(-1)))
        .mul(rest()),
    );
    total = total.sub(np.sum(s, 1));
  }
  return np.mean(total.sub(np.sum(np.square(x), 1).mul(0.5)).sub(Math.log(2 * Math.PI))).mul(-1);
}

/** Cross entropy of the GPT; the table is looked up by a product with one-hot rows. */
function gptLoss({ numpy: np, nn }, take, [ids, targets]) {
  const { layers, heads, width, context, batch, vocabulary } = GPT;
  const norm = (x) => {
    const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    return centred.div(np.sqrt(variance.add(1e-5))).mul(take());
  };
  const split = (x) => np.transpose(x.reshape([batch, context, heads, width / heads]), [0, 2, 1, 3]);
  const [table, positions] = [take(), take()];
  const looked = np.matmul(nn.oneHot(ids, vocabulary), table.ref).reshape([batch, context, width]);
  let x = looked.add(positions).reshape([batch * context, width]);
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = np.split(np.matmul(norm(x.ref), take()), 3, 1).map(split);
    const mask = np.array(causalMask(context), { shape: [context, context] });
    const scores = np
      .matmul(q, np.transpose(k, [0, 1, 3, 2]))
      .mul(1 / Math.sqrt(width / heads))
      .add(mask);
    const mixed = np.transpose(np.matmul(nn.softmax(scores, -1), v), [0, 2, 1, 3]).reshape([batch * context, width]);
    x = x.add(np.matmul(mixed, take()));
    const up = np.matmul(norm(x.ref), take());
    x = x.add(np.matmul(nn.gelu(up, { approximate: false }), take()));
  }
  const logProbabilities = nn.logSoftmax(np.matmul(norm(x), np.transpose(table)), -1);
  return np.sum(logProbabilities.mul(nn.oneHot(targets, vocabulary))).mul(-1 / (batch * context));
}

const LOSSES = { realnvp: flowLoss, "gpt-small": gptLoss };
export const familyNames = Object.keys(LOSSES);

function adamw({ numpy: np }, p, m, v, g, lr, root, { rate, decay, beta2 }) {
  const m1 = m.mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
  const v1 = v.mul(beta2).add(np.square(g).mul(1 - beta2));
  const kept = decay > 0 ? p.mul(1 - rate * decay) : p;
  return [kept.sub(m1.ref.mul(lr).div(np.sqrt(v1.ref).div(root).add(ADAM.epsilon))), m1, v1];
}

function stepFunction(jax, name) {
  const { numpy: np } = jax;
  const family = FAMILIES[name];
  const loss = (parameters, batch) => {
    let next = 0;
    return LOSSES[name](jax, () => parameters[next++], batch);
  };
  const gradient = jax.valueAndGrad(loss);
  return jax.jit((parameters, m, v, batch, lr, root) => {
    let [value, gradients] = gradient(
      parameters.map((p) => p.ref),
      batch,
    );
    if (family.clip > 0) {
      const norm = np.sqrt(gradients.map((g) => np.sum(np.square(g.ref))).reduce((a, b) => a.add(b)));
      const factor = np.minimum(1, np.array(family.clip).div(norm.add(1e-6)));
      gradients = gradients.map((g) => g.mul(factor.ref));
    }
    const out = parameters.map((p, i) => adamw(jax, p, m[i], v[i], gradients[i], lr.ref, root.ref, family));
    return [value, out.map((o) => o[0]), out.map((o) => o[1]), out.map((o) => o[2])];
  });
}

export function familyMaker(jax, name) {
  return async () => {
    const { numpy: np } = jax;
    const family = FAMILIES[name];
    const values = startValues(family.parameters());
    const arrays = (make) => Promise.all(values.map(({ data, shape }) => realArray(jax, make(data), shape)));
    const state = { parameters: await arrays((data) => data), m: await arrays((d) => new Float32Array(d.length)) };
    state.v = await arrays((d) => new Float32Array(d.length));
    const run = stepFunction(jax, name);
    const batches = family.batches();
    const scalar = (value) => np.array(new Float32Array([value]), { shape: [1] }).reshape([]);
    let count = 0;
    const step = async () => {
      const batch = batches[count++ % POOL].map(({ data, shape, dtype }) => np.array(data.slice(), { shape, dtype: np[dtype] }));
      const [lr, root] = [scalar(family.rate / (1 - ADAM.beta1 ** count)), scalar(Math.sqrt(1 - family.beta2 ** count))];
      const [loss, p, m, v] = run(state.parameters, state.m, state.v, batch, lr, root);
      Object.assign(state, { parameters: p, m, v });
      await jax.blockUntilReady([...p, ...m, ...v].map((array) => array.ref));
      return (await loss.data())[0];
    };
    const close = () => {
      for (const array of Object.values(state).flat()) array.dispose();
      run.dispose();
    };
    return { step, close, parameters: state.parameters.reduce((sum, p) => sum + p.size, 0) };
  };
}

/** 1,000 calls of the controller's net, each with its own input and its output read. */
export function controllerMaker(jax) {
  return async () => {
    const { numpy: np } = jax;
    const values = startValues(controllerParameters());
    const weights = await Promise.all(values.map(({ data, shape }) => realArray(jax, data, shape)));
    const inputs = observations();
    const run = jax.jit((w, x) => {
      let h = x;
      for (let k = 0; k < 4; k += 2) h = np.tanh(np.matmul(h, w[k]).add(w[k + 1]));
      return h;
    });
    const step = async () => {
      let total = 0;
      for (let i = 0; i < 1000; i++) {
        const x = np.array(inputs[i % POOL].slice(), { shape: [1, CONTROLLER[0]] });
        const y = run(
          weights.map((w) => w.ref),
          x,
        );
        total += (await y.data())[0];
      }
      return total;
    };
    const close = () => {
      for (const array of weights) array.dispose();
      run.dispose();
    };
    return { step, close };
  };
}
