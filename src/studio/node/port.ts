import { createServer } from "node:net";

/**
 * Who has a port, and what to do about it.
 * @returns `what` says whether it is another studio, `hint` names a free port and how to choose it
 */
export async function whoAnswers(host: string, port: number): Promise<{ what: string; hint: string }> {
  const asked = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const address = `http://${asked.includes(":") ? `[${asked}]` : asked}:${port}/`;
  const other = await isStudio(address);
  const free = await freePort(host, port + 1);
  const choose = free === undefined ? "--port 0 takes any that is free" : `--port ${free} is free; --port 0 takes any that is`;
  if (other) return { what: `Port ${port} is in use by another studio.`, hint: `open ${address}, or start a second one: ${choose}` };
  const who = process.platform === "win32" ? `netstat -ano | findstr :${port}` : `lsof -i :${port}`;
  return { what: `Port ${port} is in use by another program (${who} says which).`, hint: choose };
}

async function isStudio(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`${address}api/health`, { signal: AbortSignal.timeout(1000) });
    return "studio" in ((await answer.json()) as object);
  } catch {
    return false;
  }
}

/** The first free port of twenty. */
async function freePort(host: string, from: number): Promise<number | undefined> {
  for (let port = from; port < Math.min(from + 20, 65_536); port++) {
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, host, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  return undefined;
}
