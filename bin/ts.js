#!/usr/bin/env node
// Run a TypeScript file of this repository on Node 20, which cannot run TypeScript itself: sources are compiled first (for the benchmarks and scripts).
