/** Counts runs in flight, so that native memory is released only after the last of them. */
export class InFlight {
  private count = 0;
  private waiting: (() => void)[] = [];

  enter(): void {
    this.count++;
  }

  leave(): void {
    this.count--;
    if (this.count > 0) return;
    for (const resume of this.waiting.splice(0)) resume();
  }

  /** Resolves when no run is in flight. */
  async idle(): Promise<void> {
    if (this.count > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
