// Before the first paint, so that nothing flashes: the theme that was chosen, if any was.
try {
  const theme = localStorage.getItem("atelier-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme it is.
}
