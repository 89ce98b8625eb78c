/** An event that the studio sent. */
export interface ServerEvent {
  /** Its kind; `message` where the studio says none. */
  readonly event: string;
  readonly id: string | undefined;
  /** Its data, read as JSON. */
  readonly data: unknown;
}

/** Read a stream of server-sent events whose data are JSON. Lines end with `\n`, as the studio writes them. */
export async function* parseEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) {
        const event = parseBlock(block);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parseBlock(block: string): ServerEvent | undefined {
  const fields: Record<string, string> = {};
  for (const line of block.split("\n")) {
    const match = /^(event|id|data): ?(.*)$/s.exec(line);
    if (match !== null) fields[match[1]] = match[2];
  }
  return fields.data === undefined ? undefined : { event: fields.event ?? "message", id: fields.id, data: JSON.parse(fields.data) };
}
