#!/usr/bin/env node
// The command-line entry. In a clone it compiles the sources first when they are newer than dist; in an installed package dist is simply there.
import { ensureBuilt, ensurePage, ensurePlay } from "./fresh.js";

ensureBuilt();
if (process.argv[2] === "studio") ensurePage();
if (process.argv[2] === "export" && process.argv.includes("html")) ensurePlay();
const { main } = await import("../dist/cli/main.js");
process.exitCode = await main(process.argv.slice(2));
