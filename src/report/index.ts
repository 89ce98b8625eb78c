export { type AlignmentOptions, type AlignmentPanel, alignmentMaps } from "./alignment.ts";
export { Canvas, type Colour, type TextStyle } from "./canvas.ts";
export { type GridOptions, imageGrid, imagePairs, type Pictures } from "./grid.ts";
export { type HistogramOptions, type HistogramPanel, histograms } from "./histograms.ts";
export { colourOf, linePlot, PALETTE, type PlotLabels, type ScatterOptions, type Series, scatterPlot } from "./plot.ts";
export { encodePng, type Raster, readPngText } from "./png.ts";
export { type PictureRow, pictureRows } from "./rows.ts";
