import { describe, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { stepLevels } from "./diffusion.ts";
import { walk } from "./paint.ts";
import { noiseFactors, type Parameterization, pictureFactors } from "./parameterizations.ts";
import { ancestralUpdate, ddimUpdate, multistepFactor, type SamplerName } from "./samplers.ts";
import { type Level, levelAt, type ScheduleName, schedules, tables } from "./schedules.ts";

const names = Object.keys(schedules) as ScheduleName[];
const times = Array.from({ length: 101 }, (_, i) => i / 100);

describe("schedules", () => {
  it("have the values of their closed forms", () => {
    const { linear, cosine, straight, "offset-cosine": offset } = schedules;
    for (const t of times) {
      expect(linear.alpha(t) ** 2).toBeCloseTo(Math.exp(-(0.1 * t + 9.95 * t * t)), 12);
      expect(cosine.alpha(t)).toBeCloseTo(Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) / Math.cos(((0.008 / 1.008) * Math.PI) / 2), 4);
      expect(offset.alpha(t)).toBeCloseTo(Math.cos(Math.acos(0.95) + t * (Math.acos(0.02) - Math.acos(0.95))), 12);
      expect([straight.alpha(t), straight.sigma(t)]).toEqual([1 - t, t]);
    }
    expect([offset.alpha(0), offset.alpha(1)]).toEqual([expect.closeTo(0.95, 12), expect.closeTo(0.02, 12)]);
  });

  it("the linear one is that of the paper's thousand steps, nearly", () => {
    let product = 1;
    for (let i = 1; i <= 1000; i++) {
      product *= 1 - (1e-4 + ((0.02 - 1e-4) * (i - 1)) / 999);
      if (i % 100 === 0) expect(Math.log(schedules.linear.alpha(i / 1000) ** 2) / Math.log(product)).toBeCloseTo(1, 1);
    }
  });

  it("the cosine one has the paper's limit of 0.999 on the last β, and a little signal left", () => {
    const [before, last] = [schedules.cosine.alpha(0.999) ** 2, schedules.cosine.alpha(1) ** 2];
    expect(1 - last / before).toBeCloseTo(0.999, 9);
  });

  it.each(names)("%s: falls and rises, keeps the variance, and has the slope of its differences", (name) => {
    const schedule = schedules[name];
    for (const [i, t] of times.entries()) {
      const { alpha, sigma } = levelAt(schedule, t);
      if (name !== "straight") expect(alpha ** 2 + sigma ** 2).toBeCloseTo(1, 12);
      if (i > 0) expect(alpha).toBeLessThan(schedule.alpha(times[i - 1]));
      if (i > 0) expect(sigma).toBeGreaterThanOrEqual(schedule.sigma(times[i - 1]));
      expect(schedule.told(t)).toBeGreaterThanOrEqual(0);
      expect(schedule.told(t)).toBeLessThanOrEqual(1);
      if (t < 0.05 || t > 0.95) continue;
      for (const rate of ["alpha", "sigma"] as const)
        expect(schedule.slope(t)[rate]).toBeCloseTo((schedule[rate](t + 1e-6) - schedule[rate](t - 1e-6)) / 2e-6, 5);
    }
    expect(tables(schedule, 4).alpha[3]).toBe(schedule.alpha(1));
  });
});

describe("parameterizations", () => {
  it.each([
    ["epsilon", "cosine"],
    ["x0", "linear"],
    ["velocity", "offset-cosine"],
    ["flow", "straight"],
  ] as const)("%s gives picture and noise back exactly", (kind: Parameterization, name: ScheduleName) => {
    const [picture, noise] = [0.37, -1.21];
    for (const t of times.slice(1, -1)) {
      const level = levelAt(schedules[name], t);
      const x = level.alpha * picture + level.sigma * noise;
      const prediction = { epsilon: noise, x0: picture, velocity: level.alpha * noise - level.sigma * picture, flow: noise - picture }[
        kind
      ];
      for (const [factors, value] of [
        [pictureFactors(kind, level), picture],
        [noiseFactors(kind, level), noise],
      ] as const)
        expect(factors.prediction * prediction + factors.x * x).toBeCloseTo(value, 9);
    }
  });
});

/** Data N(mean, deviation²): the best guess of the picture is known, and so is what a perfect sampler draws. */
const [mean, deviation] = [0.6, 0.5];
const guess = (x: Float32Array, { alpha, sigma }: Level) => {
  const gain = (alpha * deviation ** 2) / (alpha ** 2 * deviation ** 2 + sigma ** 2);
  return x.map((value) => mean + gain * (value - alpha * mean));
};

async function draw(sampler: SamplerName, schedule: ScheduleName, steps: number, start?: Float32Array, eta = 0): Promise<Float32Array> {
  const stream = new RandomStream(3, `${sampler} ${schedule}`);
  const noise = async () => {
    const values = new Float32Array(start?.length ?? 4000);
    stream.fillNormal(values);
    return values;
  };
  const levels = stepLevels({ noiseSchedule: schedule, timesteps: 1000 }, steps);
  let last = new Float32Array();
  const expectAt = async (x: Float32Array, level: Level) => guess(x, level);
  for await (const x of walk({
    levels,
    x: start ?? (await noise()),
    noise,
    chosen: { sampler, eta, resample: 1 },
    expect: expectAt,
    schedule,
  }))
    last = Float32Array.from(x);
  return last;
}

function moments(values: Float32Array): { mean: number; deviation: number } {
  const average = values.reduce((a, b) => a + b) / values.length;
  return { mean: average, deviation: Math.sqrt(values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length) };
}

describe("samplers on Gaussian data, whose best guess is known", () => {
  const cases = (["ancestral", "ddim", "euler", "dpm-solver++"] as const).flatMap((sampler) =>
    (["linear", "cosine", "straight"] as const).map((schedule) => [sampler, schedule] as const),
  );
  it.each(cases)("%s on %s reaches the mean and the deviation", async (sampler, schedule) => {
    const found = moments(await draw(sampler, schedule, 200));
    expect(found.mean).toBeCloseTo(mean, 1);
    expect(Math.abs(found.deviation / deviation - 1)).toBeLessThan(0.07);
  });

  it("ddim with eta 1 is the ancestral sampler", () => {
    for (const [t, s] of [
      [0.9, 0.7],
      [0.5, 0.1],
    ]) {
      const [from, to] = [levelAt(schedules.cosine, t), levelAt(schedules.cosine, s)];
      const [a, b] = [ancestralUpdate(from, to), ddimUpdate(from, to, 1)];
      expect([b.keep, b.picture, b.noise]).toEqual([a.keep, a.picture, a.noise].map((value) => expect.closeTo(value, 12)));
    }
  });

  it("the first step and the last of dpm-solver++ are ddim's", () => {
    const [a, b, clean] = [levelAt(schedules.cosine, 0.5), levelAt(schedules.cosine, 0.4), { time: 0, alpha: 1, sigma: 0 }];
    expect([multistepFactor(a, b, undefined), multistepFactor(b, clean, a)]).toEqual([0, 0]);
    expect(multistepFactor(b, levelAt(schedules.cosine, 0.3), a)).toBeGreaterThan(0);
  });

  it("ddim converges in first order, dpm-solver++ in second", async () => {
    // The exact end of the way from x: the flow keeps (x - α m) / √(α² d² + σ²).
    const levels = (steps: number) =>
      Array.from({ length: steps + 1 }, (_, k) => levelAt(schedules["offset-cosine"], 1 - (0.98 * k) / steps));
    const error = async (sampler: SamplerName, steps: number) => {
      const way = levels(steps);
      let x = Float32Array.of(1);
      let before: { picture: Float32Array; from: Level } | undefined;
      const { advance } = await import("./samplers.ts");
      for (let k = 0; k < steps; k++) {
        const [from, to] = [way[k], way[k + 1]];
        const picture = guess(x, from);
        const schedule = schedules["offset-cosine"];
        x = Float32Array.from(await advance(sampler, { x, picture, from, to, before, schedule, eta: 0, noise: async () => x }));
        before = { picture, from };
      }
      const score = (value: number, { alpha, sigma }: Level) => (value - alpha * mean) / Math.hypot(alpha * deviation, sigma);
      return Math.abs(score(x[0], way[steps]) - score(1, way[0]));
    };
    const order = async (sampler: SamplerName) => Math.log2((await error(sampler, 20)) / (await error(sampler, 40)));
    expect(await order("ddim")).toBeCloseTo(1, 0);
    expect(await order("euler")).toBeCloseTo(1, 0);
    expect(await order("dpm-solver++")).toBeGreaterThan(1.6);
    expect(await error("dpm-solver++", 20)).toBeLessThan((await error("ddim", 20)) / 4);
  });

  it("euler's step on straight paths is ddim's", async () => {
    const start = Float32Array.of(-1.3, 0.2, 2);
    const [a, b] = [await draw("euler", "straight", 10, start), await draw("ddim", "straight", 10, start)];
    a.forEach((value, i) => {
      expect(value).toBeCloseTo(b[i], 5);
    });
  });

  it("deterministic samplers give the same bits twice", async () => {
    const start = Float32Array.of(-1.3, 0.2, 2);
    expect(await draw("ddim", "cosine", 10, start)).toEqual(await draw("ddim", "cosine", 10, start));
    expect(await draw("dpm-solver++", "cosine", 10, start)).toEqual(await draw("dpm-solver++", "cosine", 10, start));
  });
});

describe("steps", () => {
  it("are steps that the schedule has, the noisiest first", () => {
    expect(stepLevels({ noiseSchedule: "straight", timesteps: 10 }, 4).map(({ time }) => time)).toEqual([1, 0.8, 0.5, 0.3]);
    expect(stepLevels({ noiseSchedule: "straight", timesteps: 10 }, 10).map(({ time }) => time)).toEqual([
      1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1,
    ]);
    expect(stepLevels({ noiseSchedule: "straight", timesteps: 10 }, 2, 0.6).map(({ time }) => time)).toEqual([0.6, 0.3]);
  });
});

describe("known pixels", () => {
  it("are there at the end exactly, and at each level with its noise", async () => {
    const given = { data: Float32Array.of(0.3, 0.8, 0.1, 0.9), shape: [1, 1, 2, 2] as const, known: Uint8Array.of(1, 0, 0, 1) };
    const levels = stepLevels({ noiseSchedule: "cosine", timesteps: 100 }, 5);
    const seen: number[] = [];
    const expectAt = async (x: Float32Array) => {
      seen.push(x[0]);
      return x.map(() => 0.5);
    };
    let last = new Float32Array();
    const chosen = { sampler: "ancestral", eta: 0, resample: 3 } as const;
    const noise = async () => Float32Array.of(0, 0, 0, 0);
    for await (const x of walk({ levels, x: new Float32Array(4), noise, chosen, expect: expectAt, schedule: "cosine", given }))
      last = Float32Array.from(x);
    expect(seen).toHaveLength(15);
    expect([...last]).toEqual([2 * Math.fround(0.3) - 1, 0.5, 0.5, 2 * Math.fround(0.9) - 1].map(Math.fround));
  });
});
