export { type EvaluateOptions, evaluate, evaluateEach } from "./evaluate.ts";
export { FlatParameters } from "./flat.ts";
export type { TrainerPhase } from "./phase.ts";
export { exportModel, type PortableModelOptions } from "./portable-model.ts";
export { type PortableStepOptions, portableStep, type StepLayout } from "./portable-step.ts";
export { predictStep, requireMemory, type StepPrediction } from "./prediction.ts";
export { type SessionOptions, type SessionState, type StepReport, TrainingSession } from "./session.ts";
export { type ModuleData, type TrainModuleOptions, type TrainModuleResult, trainModule } from "./train-module.ts";
export { type Game, type NamedArray, NotFiniteError, type Objective, Trainer, type TrainerOptions, type TrainerReport } from "./trainer.ts";
