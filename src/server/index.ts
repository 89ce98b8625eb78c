/** OpenAI's interface for a text engine, apart from the network. The part for Node: `import { serveHttp } from "atelier/server/node"`. */
export { ApiError } from "./errors.ts";
export { Counter, Gauge, Histogram } from "./metrics.ts";
export { type Reply, type ServiceOptions, type ServiceRequest, TextService } from "./service.ts";
