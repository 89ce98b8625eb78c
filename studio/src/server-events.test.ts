import { expect, it } from "vitest";
import { parseEvents } from "./server-events.ts";

it("reads events however the stream is cut", async () => {
  const bytes = new TextEncoder().encode(':\n\nevent: row\nid: 7\ndata: {"loss":"ö"}\n\ndata: 1\n\ndata: cut');
  const events = [];
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  for await (const event of parseEvents(stream)) events.push(event);
  expect(events).toEqual([
    { event: "row", id: "7", data: { loss: "ö" } },
    { event: "message", id: undefined, data: 1 },
  ]);
});
