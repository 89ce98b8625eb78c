import type { ImageShape } from "../../data/dataset.ts";
import { full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type Rng, Trace, withTrace } from "../../graph/trace.ts";
import type { RasterNetwork } from "../../nn/gated-pixels.ts";
import { type Remembered, Surroundings, type Window } from "../../nn/raster.ts";
import type { InputSpec, Program } from "../../runtime/program.ts";
import type { GivenPictures, Pictures, SampleContext } from "../model.ts";

// Drawing pictures pixel by pixel. The direct way runs the whole network for every pixel and throws all but one place of it away. The cached way keeps what
// each layer made of the pixels before: a row program once a row for what depends on whole rows above, a pixel program for the rest.

/** What is drawn from: a network that reads pictures in the order of reading, and how its logits become pixels. */
export interface RasterModel {
  readonly image: ImageShape;
  /** Channels of the picture as the network reads it. */
  readonly inputs: number;
  /** @param condition [B, K] */
  network(condition: Tensor | undefined): RasterNetwork;
  /** Intensities [B, C, H, W] in [0, 1] -> what the network reads, [B, inputs, H, W]. Zeros there are what lies outside of a picture. */
  prepare(values: Tensor): Tensor;
  /** Logits [B, K, 1, 1] of a pixel -> intensities [B, C, 1, 1]. */
  draw(logits: Tensor, rng: Rng): Tensor;
  /** Runs a pixel: as many as colours where each is drawn with the ones before known. */
  readonly passes: number;
  /** Whether the network can be run a pixel at a time. */
  readonly stepwise: boolean;
}

/** One place's pixel in all pictures. */
interface Pixel {
  /** [B, C], where it is known already. */
  readonly given: Float32Array;
  /** [B], 1 where it is known. */
  readonly known: Float32Array;
  /** [B, C], with the colours drawn so far. */
  readonly current: Float32Array;
  /** [C], 1 for the colour to draw; all of them where there is one pass. */
  readonly pass: Float32Array;
}

/** Runs the network at one place after the other; draws nothing twice. */
interface Stepper {
  /** @returns intensities [B, C] */
  at(y: number, x: number, pixel: Pixel): Promise<ArrayLike<number>>;
  /** The pixel is done. */
  keep(y: number, x: number, pixel: Pixel): void;
  dispose(): Promise<void>;
}

type Inputs = Record<string, Tensor>;

const pixelInputs = (batch: number, channels: number): Record<string, InputSpec> => ({
  given: { shape: [batch, channels] },
  known: { shape: [batch, 1] },
  current: { shape: [batch, channels] },
  pass: { shape: [channels] },
});

/** Known pixels stay, colours of earlier passes too, the rest is drawn. [B, C] */
function decide({ given, known, current, pass }: Inputs, drawn: Tensor): Tensor {
  const next = drawn
    .reshape(current.shape)
    .mul(pass)
    .add(current.mul(pass.neg().add(1)));
  return given.mul(known).add(next.mul(known.neg().add(1)));
}

function conditionInput(batch: number, conditions: Float32Array | undefined): Record<string, InputSpec> {
  return conditions === undefined ? {} : { condition: { shape: [batch, conditions.length / batch] } };
}

/** The whole network for every pixel. */
async function wholeStepper(model: RasterModel, { count, compile, conditions }: SampleContext): Promise<Stepper> {
  const [channels, height, width] = model.image;
  const program = await compile(
    (inputs: Inputs, rng) => {
      const x = model.prepare(inputs.pictures);
      const network = model.network(inputs.condition);
      const logits = network.pixels(x, network.rows?.(x) ?? []);
      const [batch, outputs] = logits.shape;
      const here = logits
        .reshape([batch, outputs, height * width])
        .mul(inputs.place)
        .sum(2)
        .reshape([batch, outputs, 1, 1]);
      return { values: decide(inputs, model.draw(here, rng)) };
    },
    {
      inputs: {
        pictures: { shape: [count, channels, height, width] },
        place: { shape: [height * width] },
        ...pixelInputs(count, channels),
        ...conditionInput(count, conditions),
      },
      frozen: true,
    },
  );
  if (conditions !== undefined) program.inputs.condition.set(conditions as never);
  const pictures = program.inputs.pictures as Float32Array;
  const area = height * width;
  const write = (y: number, x: number, { current }: Pixel) => {
    for (let i = 0; i < current.length; i++) pictures[i * area + y * width + x] = current[i];
  };
  return {
    at: async (y, x, pixel) => {
      write(y, x, pixel);
      (program.inputs.place as Float32Array).fill(0)[y * width + x] = 1;
      return (await program.run({ ...pixel })).values as Float32Array;
    },
    keep: write,
    dispose: () => program.dispose(),
  };
}

/** What a traced part of a network asked its surroundings for. */
interface Plan {
  readonly windows: readonly Window[];
  readonly remembered: readonly Remembered[];
  /** Shapes of the windows' values. */
  readonly shapes: readonly (readonly number[])[];
  readonly maps: readonly Tensor[];
}

/** Trace a part once, with zeros around it, to learn what it asks for. */
function planOf(unit: "pixel" | "row", picture: Tensor, build: (here: Surroundings) => readonly Tensor[]): Plan {
  const shapes: (readonly number[])[] = [];
  const here = new Surroundings(unit, picture, (_, shape) => {
    shapes.push(shape);
    return full(shape, 0);
  });
  const maps = withTrace(new Trace({ training: false }), () => build(here));
  return { windows: here.windows, remembered: here.remembered, shapes, maps };
}

const windowInputs = (shapes: Plan["shapes"]): Record<string, InputSpec> =>
  Object.fromEntries(shapes.map((shape, i) => [`window${i}`, { shape }]));

/** The remembered values as outputs `value0`, `value1` ... */
const valueOutputs = (remembered: readonly Remembered[]): Record<string, Tensor> =>
  Object.fromEntries(remembered.flatMap(({ value }, i) => (value === undefined ? [] : [[`value${i}`, value]])));

/** What a program's layers made at earlier places of a grid of rows and columns, and the windows onto it. */
class Memory {
  readonly #plan: Plan;
  readonly #grid: readonly [number, number];
  readonly #stores: Float32Array[];
  readonly #sizes: readonly number[];

  constructor(plan: Plan, grid: readonly [number, number]) {
    this.#plan = plan;
    this.#grid = grid;
    this.#sizes = plan.remembered.map((_, source) => {
      const window = plan.windows.findIndex((one) => one.source === source);
      return plan.shapes[window].slice(1).reduce((a, b) => a * b, 1);
    });
    this.#stores = this.#sizes.map((size) => new Float32Array(size * grid[0] * grid[1]));
  }

  /** Fill a program's windows for a place. */
  look(program: Program, y: number, x: number): void {
    const [rows, columns] = this.#grid;
    this.#plan.windows.forEach(({ source, taps }, i) => {
      const size = this.#sizes[source];
      const store = this.#stores[source];
      const window = program.inputs[`window${i}`] as Float32Array;
      taps.forEach(([dy, dx], t) => {
        const [row, column] = [y + dy, x + dx];
        if (row < 0 || row >= rows || column < 0 || column >= columns) window.fill(0, t * size, (t + 1) * size);
        else {
          const from = (row * columns + column) * size;
          window.set(store.subarray(from, from + size), t * size);
        }
      });
    });
  }

  /** Keep what a program made at a place; of the picture itself, `picture`. */
  keep(program: Program, y: number, x: number, picture: ArrayLike<number>): void {
    this.#plan.remembered.forEach(({ value }, i) => {
      const made = value === undefined ? picture : (program.outputs[`value${i}`] as Float32Array);
      this.#stores[i].set(made, (y * this.#grid[1] + x) * this.#sizes[i]);
    });
  }
}

/** The row program: maps of a row, [W, B, C] each, so that a pixel's part lies together. */
class RowStepper {
  readonly #program: Program;
  readonly #memory: Memory;
  /** [B, inputs, W], filled while the row is drawn. */
  readonly #picture: Float32Array;
  readonly #width: number;

  private constructor(program: Program, memory: Memory, picture: Float32Array, width: number) {
    this.#program = program;
    this.#memory = memory;
    this.#picture = picture;
    this.#width = width;
  }

  static async create(model: RasterModel, { count, compile, conditions }: SampleContext): Promise<RowStepper> {
    const [, height, width] = model.image;
    const empty = () => full([count, model.inputs, 1, width], 0);
    const blank = empty();
    const condition = conditions === undefined ? undefined : full([count, conditions.length / count], 0);
    const plan = planOf("row", blank, (here) => model.network(condition).rows!(blank, here));
    const program = await compile(
      (inputs: Inputs) => {
        const row = empty();
        const here = new Surroundings("row", row, (i) => inputs[`window${i}`]);
        const maps = model.network(inputs.condition).rows!(row, here);
        const named = maps.map((map, i) => [`map${i}`, map.reshape([count, map.shape[1], width]).transpose([2, 0, 1])]);
        return { ...(Object.fromEntries(named) as Record<string, Tensor>), ...valueOutputs(here.remembered) };
      },
      { inputs: { ...windowInputs(plan.shapes), ...conditionInput(count, conditions) }, frozen: true },
    );
    if (conditions !== undefined) program.inputs.condition.set(conditions as never);
    return new RowStepper(program as Program, new Memory(plan, [height, 1]), new Float32Array(count * model.inputs * width), width);
  }

  async start(y: number): Promise<void> {
    this.#memory.look(this.#program, y, 0);
    await this.#program.run();
  }

  /** [B, C] of a map at a column. */
  map(i: number, x: number): Float32Array {
    const whole = this.#program.outputs[`map${i}`] as Float32Array;
    const size = whole.length / this.#width;
    return whole.subarray(x * size, (x + 1) * size);
  }

  keep(y: number, x: number, prepared: ArrayLike<number>): void {
    for (let i = 0; i < prepared.length; i++) this.#picture[i * this.#width + x] = prepared[i];
    if (x === this.#width - 1) this.#memory.keep(this.#program, y, 0, this.#picture);
  }

  dispose(): Promise<void> {
    return this.#program.dispose();
  }
}

/** One pixel's column of every layer, from what the layers made before. */
async function cachedStepper(model: RasterModel, context: SampleContext): Promise<Stepper> {
  const { count, compile } = context;
  const [channels, height, width] = model.image;
  const blank = full([count, model.inputs, 1, 1], 0);
  // The maps' channels, from the network on a row of its own.
  const row = full([count, model.inputs, 1, width], 0);
  const conditions = context.conditions;
  const condition = conditions === undefined ? undefined : full([count, conditions.length / count], 0);
  const network = model.network(condition);
  const rowPlan = network.rows === undefined ? undefined : planOf("row", row, (here) => network.rows!(row, here));
  const mapSizes = rowPlan?.maps.map((map) => map.shape[1]) ?? [];
  const plan = planOf("pixel", blank, (here) => [
    network.pixels(
      blank,
      mapSizes.map((size) => full([count, size, 1, 1], 0)),
      here,
    ),
  ]);
  const rows = rowPlan === undefined ? undefined : await RowStepper.create(model, context);
  const maps = Object.fromEntries(mapSizes.map((size, i) => [`map${i}`, { shape: [count, size] }]));
  const program = (await compile(
    (inputs: Inputs, rng) => {
      const pixel = model.prepare(inputs.current.reshape([count, channels, 1, 1]));
      const here = new Surroundings("pixel", pixel, (i) => inputs[`window${i}`]);
      const beside = mapSizes.map((size, i) => inputs[`map${i}`].reshape([count, size, 1, 1]));
      const logits = model.network(inputs.condition).pixels(pixel, beside, here);
      const values = decide(inputs, model.draw(logits, rng));
      const prepared = model.prepare(values.reshape([count, channels, 1, 1])).reshape([count, model.inputs]);
      return { values, prepared, ...valueOutputs(here.remembered) } as Record<string, Tensor>;
    },
    {
      inputs: { ...pixelInputs(count, channels), ...windowInputs(plan.shapes), ...maps, ...conditionInput(count, conditions) },
      frozen: true,
    },
  )) as Program;
  if (conditions !== undefined) program.inputs.condition.set(conditions as never);
  const memory = new Memory(plan, [height, width]);
  return {
    at: async (y, x, pixel) => {
      if (x === 0) await rows?.start(y);
      memory.look(program, y, x);
      for (let i = 0; i < mapSizes.length; i++) (program.inputs[`map${i}`] as Float32Array).set(rows!.map(i, x));
      return (await program.run({ ...pixel })).values as Float32Array;
    },
    keep: (y, x) => {
      const { prepared } = program.outputs as { prepared: Float32Array };
      memory.keep(program, y, x, prepared);
      rows?.keep(y, x, prepared);
    },
    dispose: async () => {
      await rows?.dispose();
      await program.dispose();
    },
  };
}

/** The given pixels of one place. */
function readPixel(given: GivenPictures | undefined, y: number, x: number, pixel: Pixel): void {
  if (given === undefined) return;
  const [count, channels, height, width] = given.shape;
  for (let n = 0; n < count; n++) {
    const at = y * width + x;
    pixel.known[n] = given.known[n * height * width + at];
    for (let c = 0; c < channels; c++) pixel.given[n * channels + c] = given.data[(n * channels + c) * height * width + at];
  }
}

/**
 * Draw pictures pixel by pixel in the order of reading; given pixels stay exactly as they are. Yields the pictures after each row, those still to come black.
 * @param how `whole` runs the network on the whole picture for each pixel (slow: for comparison, and for networks that cannot be run stepwise)
 */
export async function* sampleRaster(
  model: RasterModel,
  context: SampleContext,
  how: "cached" | "whole" = model.stepwise ? "cached" : "whole",
): AsyncGenerator<Pictures> {
  const { count, given } = context;
  const [channels, height, width] = model.image;
  const stepper = await (how === "cached" ? cachedStepper : wholeStepper)(model, context);
  const data = new Float32Array(count * channels * height * width);
  const pixel: Pixel = {
    given: new Float32Array(count * channels),
    known: new Float32Array(count),
    current: new Float32Array(count * channels),
    pass: new Float32Array(channels).fill(1),
  };
  try {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        readPixel(given, y, x, pixel);
        pixel.current.fill(0);
        for (let pass = 0; pass < model.passes; pass++) {
          if (model.passes > 1) pixel.pass.fill(0)[pass] = 1;
          pixel.current.set(await stepper.at(y, x, pixel));
        }
        stepper.keep(y, x, pixel);
        for (let i = 0; i < pixel.current.length; i++) data[i * height * width + y * width + x] = pixel.current[i];
      }
      yield { data: data.slice(), shape: [count, ...model.image] };
    }
  } finally {
    await stepper.dispose();
  }
}
