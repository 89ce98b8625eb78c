import { gradients } from "../../autodiff/gradient.ts";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { logAbsDeterminant } from "../../graph/ops/matrix.ts";
import { concat, full } from "../../graph/ops/movement.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Flow } from "../flow.ts";
import { type Module, namedParameters } from "../module.ts";

/** Give every parameter small random numbers, so that nothing is hidden by a start at the identity. */
export function disturb(module: Module, size = 0.3, seed = 0): void {
  const rng = new RandomStream(seed, "disturbed");
  for (const { data } of namedParameters(module).values()) for (let i = 0; i < data.length; i++) data[i] += size * rng.normal();
}

/** What a flow does to standard normal numbers, and what the automatic Jacobian says of it. */
export interface FlowCheck {
  /** Largest |inverse(forward(x)) - x|. */
  roundTrip: number;
  /** Largest |forward(inverse(z)) - z|. */
  backTrip: number;
  /** Largest |ln|det| of the Jacobian - logDet|, forward and inverse; one number an example. */
  determinant: number;
  inverseDeterminant: number;
  /** Shape of z. */
  z: readonly number[];
}

/** Run a flow both ways in evaluation mode on normal numbers of `shape` [B, ...], with its Jacobians by the gradient of each output. */
export async function checkFlow(flow: Flow, shape: readonly number[], seed = 1): Promise<FlowCheck> {
  const [batch] = shape;
  const size = shape.reduce((a, b) => a * b) / batch;
  let zShape: readonly number[] = [];
  const jacobian = (y: Tensor, x: Tensor) => {
    const flat = y.reshape([batch, size]);
    const rows = Array.from({ length: size }, (_, i) => gradients(flat.slice(1, i, i + 1), [x])[0].reshape([batch, 1, size]));
    return logAbsDeterminant(concat(rows, 1)).logAbs;
  };
  const program = await compile(
    await openBackend(),
    ({ x, noise }) => {
      const { z, logDet } = flow.forward(x);
      zShape = z.shape;
      const back = flow.inverse(z);
      const given = noise.reshape(z.shape);
      const drawn = flow.inverse(given);
      const off = (a: typeof z, b: typeof z) => a.sub(b).abs().max();
      return {
        roundTrip: off(back.x, x),
        backTrip: off(flow.forward(drawn.x).z, given),
        determinant: off(jacobian(z, x), logDet.add(full([batch], 0))),
        inverseDeterminant: off(jacobian(drawn.x, given), drawn.logDet.add(full([batch], 0))),
      };
    },
    { inputs: { x: { shape }, noise: { shape } }, streams: new RandomStreams(seed) },
  );
  for (const [name, values] of Object.entries(program.inputs)) new RandomStream(seed, name).fillNormal(values as Float32Array);
  const values = await program.run();
  const result = Object.fromEntries(Object.entries(values).map(([name, [value]]) => [name, Number(value)]));
  await program.dispose();
  return { ...(result as unknown as Omit<FlowCheck, "z">), z: zShape };
}
