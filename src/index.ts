export { AtelierError } from "./core/errors.ts";
