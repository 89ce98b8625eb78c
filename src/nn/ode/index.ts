export { type AdaptiveOptions, type FixedOptions, type OdeOptions, type OdeSolution, odeSolve, type TimeDerivative } from "./solve.ts";
