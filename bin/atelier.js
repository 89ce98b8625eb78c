#!/usr/bin/env node
// The command-line entry. In a clone it compiles the sources first when they are newer than dist; in an installed package dist is simply there.
import { ensureBuilt } from "./fresh.js";

ensureBuilt();
const { main } = await import("../dist/cli/main.js");
process.exitCode = await main(process.argv.slice(2));
