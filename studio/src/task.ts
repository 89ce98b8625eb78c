import { createSignal, onCleanup } from "solid-js";
import type { Task, TaskKind } from "../../src/studio/tasks.ts";
import { api } from "./api.ts";
import { tellError } from "./components/notices.tsx";

export interface TaskWatch {
  /** The task as it stands; undefined where there is none. */
  readonly task: () => Task | undefined;
  /** Whether it is running. */
  readonly busy: () => boolean;
  /** Begin one with a request that answers with a task. */
  readonly begin: (request: Promise<Task>) => Promise<void>;
  /** Take up one that another visit or tab began. */
  readonly resume: (kind: TaskKind, subject: string) => Promise<void>;
  readonly cancel: () => void;
  readonly forget: () => void;
}

/** Follow one task of the server; it goes on when the page is left. @param onDone told its result */
export function watchTask(onDone: (task: Task) => void): TaskWatch {
  const [task, setTask] = createSignal<Task | undefined>();
  let end: (() => void) | undefined;
  onCleanup(() => end?.());
  const follow = (started: Task) => {
    setTask(started);
    end?.();
    if (started.state !== "running") return;
    end = api.events(
      `/api/tasks/${started.id}/events`,
      ({ data }) => {
        const now = data as Task;
        setTask(now);
        if (now.state === "running") return;
        end?.();
        if (now.state === "done") onDone(now);
      },
      { onError: tellError, onEnd: () => undefined },
    );
  };
  return {
    task,
    busy: () => task()?.state === "running",
    begin: async (request) => {
      try {
        follow(await request);
      } catch (error) {
        tellError(error);
      }
    },
    resume: async (kind, subject) => {
      const { tasks } = await api.get<{ tasks: Task[] }>("/api/tasks").catch(() => ({ tasks: [] as Task[] }));
      const running = tasks.find((one) => one.kind === kind && one.subject === subject && one.state === "running");
      if (running !== undefined) follow(running);
    },
    cancel: () => {
      const id = task()?.id;
      if (id !== undefined) void api.delete<Task>(`/api/tasks/${id}`).catch(tellError);
    },
    forget: () => setTask(undefined),
  };
}
