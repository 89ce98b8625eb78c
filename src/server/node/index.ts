/** A text engine on a port. */
export { type HttpOptions, type RunningServer, serveHttp } from "./http.ts";
