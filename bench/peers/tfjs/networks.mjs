// The bench's networks in TensorFlow.js, written with its ops and its Adam; pictures are [B, H, W, C].
import {
  ADAM,
  BATCH,
  batches,
  CHANNELS,
  CNN_CONVS,
  CODE,
  channelsLastValue,
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

/** Parameters handed out in order, and running statistics made on first use. */
class Network {
  constructor(tf, name, check) {
    this.tf = tf;
    this.name = name;
    this.check = check;
    this.variables = parameterList(name).map((spec, i) => {
      const { data, shape } = channelsLastValue(spec, i);
      return tf.variable(tf.tensor(data, shape));
    });
    this.statistics = [];
    this.training = true;
  }

  begin() {
    this.next = 0;
    this.norms = 0;
  }

  take() {
    return this.variables[this.next++];
  }

  conv(x, stride) {
    const { tf } = this;
    return tf.add(tf.conv2d(x, this.take(), stride, 1, "NHWC", 1, "floor"), this.take());
  }

  up(x) {
    const { tf } = this;
    const filter = this.take();
    const [batch, height, width] = x.shape;
    const y = tf.conv2dTranspose(x, filter, [batch, height * 2, width * 2, filter.shape[2]], 2, 1, "floor");
    return tf.relu(tf.add(y, this.take()));
  }

  dense(x) {
    const { tf } = this;
    return tf.add(tf.matMul(x, this.take()), this.take());
  }

  /** Batch norm over all axes but the last: batch moments in training, kept as running statistics, which inference uses. */
  norm(x) {
    const { tf } = this;
    const [scale, shift, at] = [this.take(), this.take(), this.norms++];
    const channels = x.shape.at(-1);
    this.statistics[at] ??= [tf.variable(tf.zeros([channels]), false), tf.variable(tf.ones([channels]), false)];
    const flat = tf.reshape(x, [-1, channels]);
    let [mean, variance] = this.statistics[at];
    if (this.training) {
      const moments = tf.moments(flat, 0);
      const unbiased = flat.shape[0] / (flat.shape[0] - 1);
      mean.assign(tf.add(tf.mul(mean, 0.9), tf.mul(moments.mean, 0.1)));
      variance.assign(tf.add(tf.mul(variance, 0.9), tf.mul(moments.variance, 0.1 * unbiased)));
      [mean, variance] = [moments.mean, moments.variance];
    }
    return tf.reshape(tf.batchNorm(flat, mean, variance, shift, scale, NORM_EPSILON), x.shape);
  }

  classify(x) {
    const { tf } = this;
    let h = x;
    if (this.name === "mlp") {
      h = tf.relu(this.dense(tf.reshape(h, [h.shape[0], -1])));
      return this.dense(tf.relu(this.dense(h)));
    }
    for (const [, , stride] of CNN_CONVS) h = tf.leakyRelu(this.norm(this.conv(h, stride)), LEAK);
    h = tf.leakyRelu(this.norm(this.dense(tf.reshape(h, [h.shape[0], -1]))), LEAK);
    return this.dense(this.training && !this.check ? tf.dropout(h, 0.5) : h);
  }

  encode(x) {
    let h = x;
    for (let i = 0; i < ENCODER.length; i++) h = this.tf.relu(this.conv(h, 2));
    return this.tf.reshape(h, [h.shape[0], -1]);
  }

  decode(z) {
    let h = this.tf.reshape(this.dense(z), [z.shape[0], 4, 4, 128]);
    for (let i = 0; i < DECODER.length; i++) h = this.up(h);
    return this.conv(h, 1);
  }

  loss(x, y, noise) {
    const { tf, name } = this;
    this.begin();
    if (name === "cnn" || name === "mlp") return tf.losses.softmaxCrossEntropy(tf.oneHot(y, 10), this.classify(x));
    const features = this.encode(x);
    const mean = this.dense(features);
    if (name === "autoencoder") return reconstruction(tf, this.decode(mean), x);
    const logVar = this.dense(features);
    const draw = noise ?? tf.randomNormal(mean.shape);
    const z = tf.add(mean, tf.mul(tf.exp(tf.mul(logVar, 0.5)), draw));
    const kl = tf.sum(tf.sub(tf.add(tf.square(mean), tf.exp(logVar)), tf.add(logVar, 1)));
    return tf.add(reconstruction(tf, this.decode(z), x), tf.div(tf.mul(kl, 0.5), x.shape[0]));
  }

  close() {
    for (const variable of [...this.variables, ...this.statistics.flat()]) variable.dispose();
  }
}

/** Bernoulli negative log-likelihood from logits: summed over a picture, mean over the batch. */
function reconstruction(tf, logits, x) {
  const each = tf.add(tf.sub(tf.relu(logits), tf.mul(logits, x)), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
  return tf.div(tf.sum(each), x.shape[0]);
}

export function trainingMaker(tf, name, check) {
  return () => {
    const network = new Network(tf, name, check);
    const adam = tf.train.adam(LEARNING_RATE, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
    const pool = batches(name, true);
    const noise = check && name === "vae" ? tf.tensor(uniform(STREAMS.noise, BATCH.vae * CODE.vae), [BATCH.vae, CODE.vae]) : undefined;
    let count = 0;
    const step = async () => {
      const { images, labels } = pool[count++ % POOL];
      const x = tf.tensor(images.slice(), [BATCH[name], 32, 32, CHANNELS[name]]);
      const y = tf.tensor1d(labels.slice(), "int32");
      const loss = adam.minimize(() => network.loss(x, y, noise), true, network.variables);
      const [value] = await loss.data();
      tf.dispose([x, y, loss]);
      return value;
    };
    const close = () => {
      network.close();
      adam.dispose();
    };
    return { step, close, parameters: network.variables.reduce((sum, variable) => sum + variable.size, 0) };
  };
}

export function inferenceMaker(tf, workload) {
  return () => {
    const [name] = workload.split("-");
    const network = new Network(tf, name, false);
    network.training = false;
    const batch = { "cnn-infer": 32, "cnn-infer-1": 1, "vae-infer": 64 }[workload];
    const shape = name === "cnn" ? [batch, 32, 32, 3] : [batch, CODE.vae];
    const pool = Array.from({ length: POOL }, (_, i) => uniform(STREAMS.images + 10 + i, product(shape), 0, 1));
    const run = (x) => {
      network.begin();
      if (name === "cnn") return network.classify(x);
      network.next = 2 * (ENCODER.length + 2);
      return network.decode(x);
    };
    let count = 0;
    const step = async () => {
      const x = tf.tensor(pool[count++ % POOL].slice(), shape);
      const y = tf.tidy(() => run(x));
      const [value] = await y.data();
      tf.dispose([x, y]);
      return value;
    };
    return { step, close: () => network.close() };
  };
}
