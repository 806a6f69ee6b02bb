// Runs before the first paint: sets the theme that was chosen, if one was.
try { const theme = localStorage.getItem("theme"); if (theme) document.documentElement.dataset.theme = theme } catch {}
