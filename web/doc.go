// Package web serves the pages that people look at in a browser.
//
// The server makes each page by templates from what the store answers. A page works without JavaScript. The script app.js
// saves reloads and adds keys. Only the page of a test draws its charts in the browser, with uPlot.
//
// # Adding a page
//
// A page is a method that reads its state from the query, asks the store and returns a [view]; a template that begins with
// "head" and ends with "foot"; a line in [Pages.Mount]; and, if people go there from everywhere, a line in [places].
// The view has the data of the page for `?format=json`, and its table for `?format=csv`.
//
// # Rules
//
// The state of a page is in its query. Defaults are left out, unknown parameters are ignored, and a wrong value is 400 and
// names the parameter. A page shows the report that is kept and never judges. A verdict is shown by a sign and a word, never
// by colour alone. The Content-Security-Policy allows no inline script and no inline style, so what varies is in attributes
// of SVG.
package web
