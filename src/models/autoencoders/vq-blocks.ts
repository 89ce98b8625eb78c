import type { RandomStream } from "../../core/random.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { relu } from "../../nn/activations.ts";
import { Residual } from "../../nn/blocks.ts";
import { Conv2d, ConvTranspose2d } from "../../nn/conv.ts";
import { Module } from "../../nn/module.ts";
import { Sequential } from "../../nn/sequential.ts";

// The halves of the VQ-VAE (van den Oord, Vinyals and Kavukcuoglu 2017, section 4.1), as in its authors' code.

/** Sizes of the two halves, which mirror each other. */
export interface VqCodecOptions {
  /** Channels of a picture. */
  image: number;
  /** Channels of the strided convolutions, from the picture inwards; each halves the sides. */
  widths: readonly number[];
  /** Residual blocks at the inner resolution. */
  residuals: number;
  /** Channels inside a residual block. */
  residualWidth: number;
  /** Numbers in a code. */
  codeWidth: number;
  rng: RandomStream;
}

/** ReLU, 3 x 3, ReLU, 1 x 1, with a short cut, one after the other. */
function residualStack({ residuals, residualWidth, widths, rng }: VqCodecOptions): Residual[] {
  const width = widths[widths.length - 1];
  return Array.from({ length: residuals }, () => {
    const inner = new Conv2d({ in: width, out: residualWidth, kernel: 3, padding: 1, rng });
    const outer = new Conv2d({ in: residualWidth, out: width, kernel: 1, rng });
    return new Residual(new Sequential(relu, inner, relu, outer), { in: width, out: width, rng });
  });
}

/** Pictures [B, C, H, W] -> vectors [B, D, H / 2^n, W / 2^n] for n strided convolutions. */
export class VqEncoder extends Module {
  readonly convs: Conv2d[];
  readonly inner: Conv2d;
  readonly residuals: Residual[];
  readonly head: Conv2d;

  constructor(options: VqCodecOptions) {
    super();
    const { image, widths, codeWidth, rng } = options;
    const width = widths[widths.length - 1];
    this.convs = widths.map((out, i) => new Conv2d({ in: i === 0 ? image : widths[i - 1], out, kernel: 4, stride: 2, padding: 1, rng }));
    this.inner = new Conv2d({ in: width, out: width, kernel: 3, padding: 1, rng });
    this.residuals = residualStack(options);
    this.head = new Conv2d({ in: width, out: codeWidth, kernel: 1, rng });
  }

  /** images [B, C, H, W] in [0, 1], centred inside -> [B, D, h, w] */
  call(images: Tensor): Tensor {
    const strided = this.convs.reduce((x, conv) => relu(conv.call(x)), images.sub(0.5));
    const deep = this.residuals.reduce((x, block) => block.call(x), this.inner.call(strided));
    return this.head.call(relu(deep));
  }
}

/** Codes [B, D, h, w] -> [B, C, 2^n h, 2^n w]. */
export class VqDecoder extends Module {
  readonly inner: Conv2d;
  readonly residuals: Residual[];
  readonly convs: ConvTranspose2d[];

  constructor(options: VqCodecOptions) {
    super();
    const { image, widths, codeWidth, rng } = options;
    const outward = [...widths].reverse();
    this.inner = new Conv2d({ in: codeWidth, out: outward[0], kernel: 3, padding: 1, rng });
    this.residuals = residualStack(options);
    this.convs = outward.map(
      (from, i) => new ConvTranspose2d({ in: from, out: outward[i + 1] ?? image, kernel: 4, stride: 2, padding: 1, rng }),
    );
  }

  /** codes [B, D, h, w] -> [B, C, H, W], any real number, 0.5 for what the last layer gives as 0 */
  call(codes: Tensor): Tensor {
    const deep = relu(this.residuals.reduce((x, block) => block.call(x), this.inner.call(codes)));
    const last = this.convs.length - 1;
    return this.convs.reduce((x, conv, i) => (i === last ? conv.call(x).add(0.5) : relu(conv.call(x))), deep);
  }
}
