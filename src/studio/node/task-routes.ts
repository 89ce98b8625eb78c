import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  { method: "GET", path: "/api/tasks", handle: async (_, { tasks }) => ({ json: { tasks: tasks.list() } }) },
  { method: "GET", path: "/api/tasks/:task", handle: async ({ parameters }, { tasks }) => ({ json: tasks.get(parameters.task) }) },
  {
    method: "DELETE",
    path: "/api/tasks/:task",
    handle: async ({ parameters }, { tasks }) => ({ json: await tasks.cancel(parameters.task) }),
  },
  {
    method: "GET",
    path: "/api/tasks/:task/events",
    handle: async ({ parameters, signal }, { tasks }) => {
      tasks.get(parameters.task);
      const events = async function* () {
        for await (const task of tasks.watch(parameters.task, signal)) yield { event: "task", data: task };
      };
      return { events: events() };
    },
  },
];
