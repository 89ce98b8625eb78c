// Distances of a file of pictures to a data set's held-out ones: node bin/ts.js bench/experiments/distances.ts FILE.npy [...] --data NAME
// The file is NumPy's, bytes [N, C, H, W]; `--real N` measures N training pictures in its place. Prints a line of JSON for each.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { openReference } from "./measure.ts";
import { decodeNpy } from "./npy.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { data: { type: "string" }, real: { type: "string" } },
});
if (values.data === undefined || positionals.length === 0) throw new Error("use: distances.ts FILE.npy [...] --data NAME [--real N]");
const files = await Promise.all(positionals.map(async (file) => ({ file, pictures: decodeNpy(await readFile(file)) })));
const [, channels, height, width] = files[0].pictures.shape;
const reference = await openReference(values.data, [channels, height, width]);
for (const { file, pictures } of files) console.log(JSON.stringify({ file, data: values.data, ...(await reference.measure(pictures)) }));
if (values.real !== undefined) console.log(JSON.stringify({ data: values.data, ...(await reference.real(Number(values.real))) }));
