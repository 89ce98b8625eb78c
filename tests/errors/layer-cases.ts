import type { DType, Shape } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import { full } from "../../src/graph/ops/movement.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as nn from "../../src/nn/index.ts";

export interface LayerCase {
  /** Calls the layer with what it needs besides `x`. */
  call: (x: Tensor) => unknown;
  /** What it takes. */
  shape: Shape;
  dtype?: DType;
}

const rng = new RandomStream(0, "layers");
const size = { in: 3, out: 4, rng };
const cell = { in: 3, hidden: 4, rng };
const line: Shape = [1, 3, 5];
const picture: Shape = [1, 3, 6, 6];
const volume: Shape = [1, 3, 4, 4, 4];
const words: Shape = [2, 5, 4];
const state = full([2, 4], 0);
const linear = () => new nn.Linear(size);
const block = (from: number, out: number) => new nn.ResidualBlock({ in: from, out, rng });
const padded = new nn.PaddedRecurrent({ in: 4, hidden: 3, cell: "gru", rng });
const relative = new nn.RelativePositionBias({ heads: 2, rng });

function row(layer: { call(x: Tensor): unknown }, shape: Shape, dtype: DType = "float32"): LayerCase {
  return { call: (x) => layer.call(x), shape, dtype };
}

const convolutions: Record<string, LayerCase> = {
  Conv1d: row(new nn.Conv1d({ ...size, kernel: 3 }), line),
  Conv2d: row(new nn.Conv2d({ ...size, kernel: 3 }), picture),
  Conv3d: row(new nn.Conv3d({ ...size, kernel: 3 }), volume),
  ConvTranspose1d: row(new nn.ConvTranspose1d({ ...size, kernel: 3, stride: 2 }), line),
  ConvTranspose2d: row(new nn.ConvTranspose2d({ ...size, kernel: 3, stride: 2 }), picture),
  ConvTranspose3d: row(new nn.ConvTranspose3d({ ...size, kernel: 3, stride: 2 }), volume),
  EqualizedConv2d: row(new nn.EqualizedConv2d({ ...size, kernel: 3 }), picture),
};

const norms: Record<string, LayerCase> = {
  BatchNorm: row(new nn.BatchNorm({ channels: 3 }), [2, 3, 4]),
  LayerNorm: row(new nn.LayerNorm({ width: 3 }), [2, 3]),
  GroupNorm: row(new nn.GroupNorm({ channels: 4, groups: 2 }), [2, 4, 3]),
  InstanceNorm: row(new nn.InstanceNorm({ channels: 3 }), picture),
  RMSNorm: row(new nn.RMSNorm({ width: 3 }), [2, 3]),
  ShapedLayerNorm: row(new nn.ShapedLayerNorm({ shape: [3, 4] }), [2, 3, 4]),
  PixelNorm: row(new nn.PixelNorm(), picture),
};

const pools: Record<string, LayerCase> = {
  MaxPool1d: row(new nn.MaxPool1d({ kernel: 2 }), line),
  MaxPool2d: row(new nn.MaxPool2d({ kernel: 2 }), picture),
  MaxPool3d: row(new nn.MaxPool3d({ kernel: 2 }), volume),
  AvgPool1d: row(new nn.AvgPool1d({ kernel: 2 }), line),
  AvgPool2d: row(new nn.AvgPool2d({ kernel: 2 }), picture),
  AvgPool3d: row(new nn.AvgPool3d({ kernel: 2 }), volume),
  AdaptiveAvgPool1d: row(new nn.AdaptiveAvgPool1d({ size: 2 }), line),
  AdaptiveAvgPool2d: row(new nn.AdaptiveAvgPool2d({ size: 2 }), picture),
  AdaptiveAvgPool3d: row(new nn.AdaptiveAvgPool3d({ size: 2 }), volume),
  AdaptiveMaxPool2d: row(new nn.AdaptiveMaxPool2d({ size: 2 }), picture),
};

const resampling: Record<string, LayerCase> = {
  Upsample: row(new nn.Upsample({ scaleFactor: 2 }), picture),
  PixelShuffle: row(new nn.PixelShuffle({ factor: 2 }), [1, 8, 2, 3]),
  PixelUnshuffle: row(new nn.PixelUnshuffle({ factor: 2 }), picture),
  ReflectionPad2d: row(new nn.ReflectionPad2d({ padding: 1 }), picture),
  ReplicationPad2d: row(new nn.ReplicationPad2d({ padding: 1 }), picture),
  CircularPad2d: row(new nn.CircularPad2d({ padding: 1 }), picture),
  ZeroPad2d: row(new nn.ZeroPad2d({ padding: 1 }), picture),
};

const lstmCell = new nn.LSTMCell(cell);
const gruCell = new nn.GRUCell(cell);
const rnnCell = new nn.RNNCell(cell);
const sequences: Record<string, LayerCase> = {
  LSTMCell: { call: (x) => lstmCell.call(x, { h: state, c: state }), shape: [2, 3] },
  GRUCell: { call: (x) => gruCell.call(x, state), shape: [2, 3] },
  RNNCell: { call: (x) => rnnCell.call(x, state), shape: [2, 3] },
  LSTM: row(new nn.LSTM(cell), [2, 5, 3]),
  GRU: row(new nn.GRU(cell), [2, 5, 3]),
  RNN: row(new nn.RNN(cell), [2, 5, 3]),
  MultiheadAttention: row(new nn.MultiheadAttention({ width: 4, heads: 2, rng }), words),
  FeedForward: row(new nn.FeedForward({ width: 4, rng }), words),
  GatedFeedForward: row(new nn.GatedFeedForward({ width: 4, rng }), words),
  TransformerBlock: row(new nn.TransformerBlock({ width: 4, heads: 2, rng }), words),
  LearnedPositions: row(new nn.LearnedPositions({ length: 5, width: 4, rng }), words),
  RotaryEmbedding: row(new nn.RotaryEmbedding({ width: 4 }), [2, 2, 5, 4]),
  RelativePositionBias: { call: (x) => relative.call(x.shape.at(-2)!, x.shape.at(-1)!), shape: [5, 4] },
};

const modulated = new nn.ModulatedConv2d({ ...size, kernel: 3, styleWidth: 4 });
const down = new nn.DownBlock({ in: 3, out: 4, depth: 1, block, down: new nn.AvgPool2d({ kernel: 2 }) });
const up = new nn.UpBlock({ in: 3, out: 4, skip: 2, depth: 1, block, up: new nn.Upsample({ scaleFactor: 2 }) });
const blocks: Record<string, LayerCase> = {
  Residual: row(new nn.Residual(new nn.Conv2d({ ...size, kernel: 1 }), size), picture),
  ResidualBlock: row(block(3, 4), picture),
  AttentionBlock2d: row(new nn.AttentionBlock2d({ channels: 3, rng }), picture),
  TimeEmbedding: row(new nn.TimeEmbedding({ width: 4, rng }), [2]),
  DownBlock: { call: (x) => down.call(x, []), shape: picture },
  UpBlock: { call: (x) => up.call(x, [full([1, 2, 12, 12], 0)]), shape: picture },
  UNet: row(new nn.UNet({ in: 3, widths: [4, 8], depth: 1, block, rng }), picture),
  ModulatedConv2d: { call: (x) => modulated.call(x, full([1, 4], 0)), shape: picture },
  MinibatchDeviation: row(new nn.MinibatchDeviation(), picture),
};

const kind = { kernel: 3, mask: "A" } as const;
const stacks = new nn.GatedPixelLayer({ in: 3, channels: 4, kernel: 3, first: true, conditions: 0, rng });
const quantizer = new nn.VectorQuantizer({ count: 5, width: 3, rng, learning: "gradient" });
const pixels: Record<string, LayerCase> = {
  MaskedConv2d: row(new nn.MaskedConv2d({ ...size, ...kind }), picture),
  ShiftedConv2d: row(new nn.ShiftedConv2d({ ...size, kernel: [2, 3], align: "centre" }), picture),
  GatedPixelLayer: { call: (x) => stacks.rows(x, undefined), shape: picture },
  GatedPixelNet: row(new nn.GatedPixelNet({ in: 3, out: 2, channels: 4, layers: 2, rng }), picture),
  VectorQuantizer: row(quantizer, picture),
};

/** The conditioner of a coupling: one convolution. */
class Conditioner extends nn.Module {
  readonly conv = new nn.Conv2d({ in: 2, out: 2, kernel: 1, rng });

  call(held: Tensor): nn.Affine {
    return { logScale: this.conv.call(held).tanh(), shift: held };
  }
}

const flow = (layer: nn.Flow, shape: Shape): LayerCase => ({ call: (x) => layer.forward(x), shape });
const halves: Shape = [2, 4, 6, 6];
const coupling = new nn.HalfCoupling({ channels: 4, net: new Conditioner() });
const flows: Record<string, LayerCase> = {
  FlowChain: flow(new nn.FlowChain([new nn.ActNorm({ channels: 4 }), coupling]), halves),
  FlowBatchNorm: flow(new nn.FlowBatchNorm({ channels: 4 }), halves),
  ActNorm: flow(new nn.ActNorm({ channels: 4 }), halves),
  InvertibleConv: flow(new nn.InvertibleConv({ channels: 4, rng }), halves),
  HalfCoupling: flow(coupling, halves),
  MaskedCoupling: flow(
    new nn.MaskedCoupling({ shape: [2, 6, 6], mask: nn.checkerboardMask(6, 6), maskShape: [1, 6, 6], net: new Conditioner() }),
    [2, 2, 6, 6],
  ),
  FactorOut: flow(new nn.FactorOut({ shape: [4, 6, 6], rest: new nn.Flatten([2, 6, 6]) }), halves),
  Flatten: flow(new nn.Flatten([4, 6, 6]), halves),
  Squeeze: flow(new nn.Squeeze(), halves),
};

/** Without an input that could be wrong. */
export const withoutInput: readonly string[] = ["Flow", "Lora", "Warmup"];

const tiny = { vocabulary: 7, context: 8, width: 4, layers: 1, heads: 2 };
const pairs = new nn.EncoderDecoder({ ...tiny, sourceVocabulary: 7, hidden: 8, norm: "pre", tied: "target", dropout: 0 }, rng);

const transformers: Record<string, LayerCase> = {
  Gpt2: row(new nn.Gpt2(tiny, rng), [2, 5], "int32"),
  Llama: row(new nn.Llama({ ...tiny, hidden: 8 }, rng), [2, 5], "int32"),
  Bert: row(new nn.Bert(tiny, rng), [2, 5], "int32"),
  EncoderDecoder: { call: (x) => pairs.encode(x), shape: [2, 5], dtype: "int32" },
};

/** One of each layer, with an input that fits. */
export const layerCases: Readonly<Record<string, LayerCase>> = {
  Linear: row(linear(), [2, 3]),
  EqualizedLinear: row(new nn.EqualizedLinear(size), [2, 3]),
  TiedLinear: row(new nn.TiedLinear(linear().weight), [2, 3]),
  SpectralNorm: row(new nn.SpectralNorm(linear(), { rng }), [2, 3]),
  WeightNorm: row(new nn.WeightNorm(linear()), [2, 3]),
  Embedding: row(new nn.Embedding({ count: 5, width: 3, rng }), [2, 4], "int32"),
  Dropout: row(new nn.Dropout(0.5), [2, 3]),
  Sequential: row(new nn.Sequential(linear(), nn.gelu, new nn.Linear({ in: 4, out: 1, rng })), [2, 3]),
  ...convolutions,
  ...transformers,
  PaddedRecurrent: { call: (x) => padded.call(x, full([2, 5], 0)), shape: words, dtype: "float32" },
  ...norms,
  ...pools,
  ...resampling,
  ...sequences,
  ...blocks,
  ...pixels,
  ...flows,
};
